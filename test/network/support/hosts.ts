/**
 * Hosts of a test's own: network namespaces on one bridge, each with an address, and the faults of the line between them. Everything is named after
 * this process and removed at the end, whatever happened.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Of this process: two rigs at once on one machine do not meet. */
const SUBNET = `10.77.${process.pid % 250}`;
/** The test itself, on the bridge. */
export const OUTSIDE = `${SUBNET}.254`;

export class Hosts {
  readonly #names = new Map<string, string>();
  readonly #tag = `bl${process.pid % 100_000}`;

  static async open(...names: string[]): Promise<Hosts> {
    if (process.getuid?.() !== 0) {
      throw new Error('this rig makes network namespaces: run it as root');
    }
    for (const program of ['ip', 'nft', 'tc', 'nsenter']) {
      await run('which', [program]).catch(() => {
        throw new Error(`this rig needs ${program}: apt-get install iproute2 nftables`);
      });
    }
    const hosts = new Hosts();
    try {
      await hosts.#make(names);
    } catch (error) {
      await hosts[Symbol.asyncDispose]();
      throw error;
    }
    return hosts;
  }

  async #make(names: readonly string[]): Promise<void> {
    const bridge = this.#tag;
    await ip('link', 'add', bridge, 'type', 'bridge');
    await ip('addr', 'add', `${OUTSIDE}/24`, 'dev', bridge);
    await ip('link', 'set', bridge, 'up');
    for (const [at, name] of names.entries()) {
      const space = `${this.#tag}-${name}`;
      const [here, there] = [`${this.#tag}h${at}`, `${this.#tag}n${at}`];
      this.#names.set(name, here);
      await ip('netns', 'add', space);
      await ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there);
      await ip('link', 'set', here, 'master', bridge, 'up');
      await ip('link', 'set', there, 'netns', space);
      await this.inside(name, 'ip', 'addr', 'add', `${this.address(name)}/24`, 'dev', there);
      await this.inside(name, 'ip', 'link', 'set', there, 'up');
      await this.inside(name, 'ip', 'link', 'set', 'lo', 'up');
    }
  }

  address(name: string): string {
    return `${SUBNET}.${[...this.#names.keys()].indexOf(name) + 1}`;
  }

  /** What stands before a command that is to run on the host. */
  under(name: string): string[] {
    // Not `ip netns exec`: that would hold copies of every mount of this machine, those of other rigs, too.
    return ['nsenter', `--net=/run/netns/${this.#tag}-${name}`];
  }

  async inside(name: string, ...command: string[]): Promise<void> {
    const [first, ...rest] = [...this.under(name), ...command];
    await run(first!, rest);
  }

  /** Rules of nft for packets a host sends (`output`) or gets (`input`), until `heal`. */
  async rule(name: string, hook: 'input' | 'output', rule: string): Promise<void> {
    const table = `table inet fault_${hook} { chain c { type filter hook ${hook} priority 0; ${rule}\n}\n}`;
    await this.inside(name, 'nft', table);
  }

  async slow(name: string, rate: string): Promise<void> {
    const device = this.#inner(name);
    await this.inside(
      name,
      'tc',
      ...`qdisc add dev ${device} root tbf rate ${rate} burst 4kb latency 2s`.split(' '),
    );
  }

  async link(name: string, state: 'up' | 'down'): Promise<void> {
    await ip('link', 'set', this.#names.get(name)!, state);
  }

  async heal(name: string): Promise<void> {
    await this.inside(name, 'nft', 'flush', 'ruleset');
    await this.inside(name, 'tc', 'qdisc', 'del', 'dev', this.#inner(name), 'root').catch(() => undefined);
    await this.link(name, 'up');
  }

  #inner(name: string): string {
    return `${this.#tag}n${[...this.#names.keys()].indexOf(name)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#names.keys()) {
      await ip('netns', 'del', `${this.#tag}-${name}`).catch(() => undefined);
    }
    await ip('link', 'del', this.#tag).catch(() => undefined);
  }
}

async function ip(...args: string[]): Promise<void> {
  await run('ip', args);
}
