/**
 * The emulated device behind an emulated ATOL web server: a queue of jobs by number, carried out one after the other.
 *
 * As with the vendor's program the queue is on the host's side of the cable: a loss of power at the device fails the job under
 * way and loses none that waits. A job that ended with an error may block the queue (`blocksOnError`) until `unblock`.
 */
import { createServer } from 'node:http';
import { KktError } from '../../errors.ts';
import type { AtolAnswer, AtolCall, AtolRequest } from '../atol/call.ts';
import { PATH } from '../atol/queue.ts';
import { atolNumberOf, commandOfTask, isRegistering, runTask } from './atol-tasks.ts';
import type { FaultKind } from './faults.ts';
import type { KktEmulator } from './kkt-emulator.ts';
import type { EmulatorServer } from './shtrih-server.ts';

/** Jobs remembered; the oldest settled ones go. */
export const JOBS_KEPT_MAX = 10_000;
export const BODY_BYTES_MAX = 1_048_576;
/** A strip that takes longer counts as unprinted. */
const PRINT_WAITS_MAX = 50;

interface TaskState {
  status: 'wait' | 'inProgress' | 'ready' | 'error' | 'interrupted' | 'blocked';
  error: { code: number; description: string };
  result: object;
}

interface Job {
  readonly uuid: string;
  readonly tasks: readonly { readonly [key: string]: unknown }[];
  readonly states: TaskState[];
}

/** What becomes of a call whose answer is lost in one way or another. */
const LOST: readonly FaultKind[] = ['lost-reply', 'forgotten-reply', 'corrupt-reply', 'stall', 'line-drop'];

export class AtolServer {
  readonly #emulator: KktEmulator;
  readonly #blocksOnError: boolean;
  readonly #onFailure: (error: unknown) => void;
  readonly #jobs = new Map<string, Job>();
  #queue: Promise<void> = Promise.resolve();
  #blockedBy: string | undefined;

  constructor(options: {
    readonly emulator: KktEmulator;
    readonly onFailure: (error: unknown) => void;
    readonly blocksOnError?: boolean;
  }) {
    this.#emulator = options.emulator;
    this.#onFailure = options.onFailure;
    this.#blocksOnError = options.blocksOnError ?? false;
  }

  /** Without a socket, for tests. */
  call(): AtolCall {
    return async (request, { signal }) => {
      signal?.throwIfAborted();
      await this.#emulator.clock.sleep(1, signal === undefined ? {} : { signal });
      const answer = this.#answer(request);
      if (typeof answer === 'object') return answer;
      throw new KktError(answer === 'unsent' ? 'KKT_LINE_FAILED' : 'KKT_NO_ANSWER', 'the call was lost', {
        outcome: answer,
      });
    };
  }

  async listen(host: string, port: number): Promise<EmulatorServer> {
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (part: string) => {
        body += part;
        if (body.length > BODY_BYTES_MAX) request.destroy();
      });
      request.on('end', () => {
        const method = request.method === 'POST' ? 'POST' : 'GET';
        const answer = this.#answer({ method, path: request.url ?? '', body });
        if (typeof answer === 'string') response.destroy();
        else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    const address = server.address();
    const bound = typeof address === 'object' && address !== null ? address.port : port;
    return {
      address: `${host}:${bound}`,
      port: bound,
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    };
  }

  /** An operator clears the failed job. */
  unblock(): void {
    this.#blockedBy = undefined;
    for (const job of this.#jobs.values()) {
      if (job.states.every(({ status }) => status === 'blocked')) {
        for (const state of job.states) state.status = 'wait';
        this.#enqueue(job);
      }
    }
  }

  #answer({ method, path, body }: AtolRequest): AtolAnswer | 'unsent' | 'unknown' {
    if (method === 'GET' && path.startsWith(`${PATH}/`)) return this.#look(path.slice(PATH.length + 1));
    if (method !== 'POST' || path !== PATH) return { status: 404, body: '{}' };
    let job: Job;
    try {
      job = jobOf(body ?? '');
    } catch {
      return { status: 400, body: JSON.stringify({ error: { code: 501, description: 'no job' } }) };
    }
    const command = commandOfTask(String(job.tasks[0]?.type));
    const { faults } = this.#emulator;
    if (faults.takeOnly('lost-request', command)) return 'unsent';
    if (this.#jobs.has(job.uuid)) return { status: 409, body: '{}' };
    this.#accept(job);
    if (LOST.some((fault) => faults.takeOnly(fault, command))) return 'unknown';
    const isBlocked = this.#blockedBy !== undefined;
    const answer = { uuid: job.uuid, number: this.#jobs.size, isBlocked, blockedUUID: this.#blockedBy ?? '' };
    return { status: 201, body: JSON.stringify(answer) };
  }

  #look(uuid: string): AtolAnswer {
    const job = this.#jobs.get(uuid);
    if (job === undefined) return { status: 404, body: '{}' };
    return { status: 200, body: JSON.stringify({ results: job.states }) };
  }

  #accept(job: Job): void {
    if (this.#jobs.size >= JOBS_KEPT_MAX) this.#jobs.delete(this.#jobs.keys().next().value ?? '');
    this.#jobs.set(job.uuid, job);
    this.#enqueue(job);
  }

  #enqueue(job: Job): void {
    this.#queue = this.#queue.then(() => this.#run(job)).catch(this.#onFailure);
  }

  async #run(job: Job): Promise<void> {
    if (this.#blockedBy !== undefined) {
      for (const state of job.states) state.status = 'blocked';
      return;
    }
    for (const [at, task] of job.tasks.entries()) {
      const state = job.states[at]!;
      state.status = 'inProgress';
      if (await this.#carryOut(task, state)) continue;
      for (const later of job.states.slice(at + 1)) {
        later.status = 'interrupted';
        later.error = { code: 502, description: 'an earlier task failed' };
      }
      if (this.#blocksOnError && isRegistering(String(task.type))) this.#blockedBy = job.uuid;
      return;
    }
  }

  async #carryOut(task: Job['tasks'][number], state: TaskState): Promise<boolean> {
    const type = String(task.type);
    const fail = (code: number): false => {
      state.status = 'error';
      state.error = { code, description: `emulated error ${code}` };
      return false;
    };
    if (!this.#emulator.isOn) return fail(2);
    let result: object | number | undefined;
    const delivery = await this.#emulator.perform(
      commandOfTask(type),
      isRegistering(type) ? 'register' : 'read',
      () => {
        try {
          result = runTask(task, this.#emulator.device);
        } catch (error) {
          result = atolNumberOf(error);
        }
        return new Uint8Array();
      },
      (code) => {
        result = code === 0x50 ? 55 : code;
        return new Uint8Array();
      },
    );
    if (delivery === undefined || result === undefined) return fail(2);
    if (typeof result === 'number') return fail(result);
    const isPrinted = !isRegistering(type) || (await this.#waitForPaper());
    state.result = isPrinted ? result : { ...result, warnings: { notPrinted: true } };
    state.status = 'ready';
    return true;
  }

  async #waitForPaper(): Promise<boolean> {
    const { printer } = this.#emulator.device;
    for (let waits = 0; waits < PRINT_WAITS_MAX; waits += 1) {
      const state = printer.state(this.#emulator.clock.monotonicMs());
      if (state !== 'printing') return state === 'idle';
      await this.#emulator.clock.sleep(Math.max(1, printer.stripMs / 4));
    }
    return false;
  }
}

function jobOf(body: string): Job {
  const { uuid, request } = JSON.parse(body) as { uuid: unknown; request: unknown };
  if (typeof uuid !== 'string' || !Array.isArray(request) || request.length === 0) throw new Error('no job');
  const states = request.map(
    (): TaskState => ({ status: 'wait', error: { code: 0, description: '' }, result: {} }),
  );
  return { uuid, tasks: request as Job['tasks'], states };
}
