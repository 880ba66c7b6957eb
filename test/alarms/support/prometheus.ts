/** The Prometheus of the distribution, on the files `branchline alarms write` made; asked over its API which alarms stand, and which ever did. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { until, within } from '../../support/within.ts';
import { freePort } from './free-port.ts';

const START_WITHIN_MS = 60_000;
/** A port may be taken between the look and the start. */
const TRIES = 5;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
}

export class Prometheus {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  static async start(folder: string): Promise<Prometheus> {
    for (let left = TRIES; ; left -= 1) {
      const port = await freePort();
      const child = spawn(
        'prometheus',
        [
          `--config.file=${join(folder, 'prometheus.yml')}`,
          `--storage.tsdb.path=${join(folder, 'data')}`,
          `--web.listen-address=127.0.0.1:${port}`,
          '--log.level=error',
        ],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      let words = '';
      child.stderr.on('data', (chunk) => {
        words = `${words}${String(chunk)}`.slice(-2_000);
      });
      let isGone = false;
      child.once('error', (error) => {
        words = `${error.message}: apt-get install prometheus`;
        isGone = true;
      });
      child.once('exit', () => {
        isGone = true;
      });
      const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child);
      const isReady = await until(START_WITHIN_MS, 'Prometheus', async () => {
        if (isGone) {
          return 'no' as const;
        }
        return (await fetch(`${prometheus.url}/-/ready`)).ok && ('yes' as const);
      });
      if (isReady === 'yes') {
        return prometheus;
      }
      if (left === 1) {
        throw new Error(`Prometheus does not start: ${words}`);
      }
    }
  }

  /** Alarms that stand now: by name, and by name and branch as `BranchlineNodeDown@B001`. */
  async standing(): Promise<Set<string>> {
    const standing = await this.query('ALERTS{alertstate="firing"}');
    return new Set(
      standing.flatMap(({ metric: { alertname, branch } }) =>
        branch === undefined ? [alertname!] : [alertname!, `${alertname}@${branch}`],
      ),
    );
  }

  async query(expr: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expr }),
    });
    const { data } = (await response.json()) as { data: { result: readonly Sample[] } };
    return data.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) {
      await within(30_000, 'the end of Prometheus', exit);
    }
  }
}
