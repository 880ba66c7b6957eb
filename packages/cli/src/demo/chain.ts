/**
 * A whole small chain on this machine: relay, head office and two shops, each its own process on its own data.
 *
 *     topology relay                         topology peers
 *
 *     b001 ──link──┐                         b002 ──link──> b001 ──link──> hq
 *     b002 ──link──┼──> relay                      (b001 carries what b002 and hq have for each other)
 *     hq   ────────┘
 *
 * Every shop reaches the others only through its `Link`, so that an outage is a cut connection and nothing else. In
 * topology `peers` the authority's key lies with HQ and no relay is ever started.
 *
 * Each shop has an emulated cash register beside it, on no link, and its node carries documents to one mock operator over a link of
 * its own, which an outage cuts as well.
 *
 * What is on disk is used again at the next start: the programs continue, and only what is missing is made.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Random } from 'hlc-ts';
import { Api } from './api.ts';
import { freePort, Link } from './link.ts';
import { Program } from './program.ts';

export const TENANT = 'demo';
export const BRANCHES = ['B001', 'B002'] as const;
const HQ = 'HQ';
/** A very fast printer: a day's receipts are out in the time of a visit. */
const STRIP_MS = 10;

export type Topology = 'relay' | 'peers';

export interface ChainOptions {
  readonly data: string;
  readonly topology: Topology;
  /** First of the ports used; 0 = any free ones, the same again at the next start. */
  readonly portBase: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly onRestart?: (name: string) => void;
}

/** A node of the chain as the demo talks to it. */
export interface Shop {
  readonly branch: string;
  readonly data: string;
  readonly program: Program;
  readonly tillToken: string;
  readonly adminToken: string;
  /** With a manager's rights. */
  readonly api: Api;
  /** Two tills of the shop. */
  readonly tills: readonly [Api, Api];
  /** Its emulated cash register; head office has none. */
  readonly kkt?: Program;
}

export interface Chain {
  readonly topology: Topology;
  readonly relay?: { readonly program: Program; readonly adminToken: string; readonly data: string };
  readonly hq: Shop;
  readonly shops: readonly Shop[];
  /** The mock operator of fiscal data. */
  readonly ofd: Program;
  /** What an outage cuts: between the programs, and to the operator. */
  readonly links: readonly Link[];
  close(): Promise<void>;
}

/** Tokens are printed once by the programs; the demo keeps its own here, for its second start. */
interface Kept {
  relayAdminToken?: string;
  tokens: Record<string, string>;
  ports: Record<string, number>;
}

export async function openChain(options: ChainOptions): Promise<Chain> {
  return new Opening(options).open();
}

class Opening {
  readonly #options: ChainOptions;
  readonly #kept: Kept;
  readonly #keptFile: string;
  readonly #opened: (() => Promise<void>)[] = [];
  #nextPort: number;
  /** Of each shop to the operator. */
  readonly #ofdLinks: Link[] = [];

  constructor(options: ChainOptions) {
    this.#options = options;
    mkdirSync(options.data, { recursive: true });
    this.#keptFile = join(options.data, 'demo.json');
    this.#kept = existsSync(this.#keptFile)
      ? (JSON.parse(readFileSync(this.#keptFile, 'utf8')) as Kept)
      : { tokens: {}, ports: {} };
    this.#nextPort = options.portBase;
  }

  async open(): Promise<Chain> {
    try {
      const ofd = await this.#operator();
      return await (this.#options.topology === 'relay' ? this.#withRelay(ofd) : this.#withPeers(ofd));
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  async #withRelay(ofd: Program): Promise<Chain> {
    const data = join(this.#options.data, 'relay');
    await this.#initialise(data);
    const program = await this.#start('relay', [
      'relay',
      '--data',
      data,
      '--listen',
      await this.#address('relay'),
    ]);
    const adminToken = this.#kept.relayAdminToken ?? '';
    const relay = new Api(program.url, adminToken);
    const tokens = await this.#enrolmentTokens(relay, [
      { code: HQ, role: 'hq' },
      ...BRANCHES.map((code) => ({ code, role: 'branch' })),
    ]);
    const links: Link[] = [];
    for (const code of BRANCHES) {
      links.push(await this.#link(code, program.url));
    }
    const [hq, ...shops] = await Promise.all([
      this.#shop(HQ, ['--relay', program.url, ...tokenFlag(tokens, HQ)]),
      ...BRANCHES.map((code, index) =>
        this.#shop(code, ['--relay', linkUrl(links[index]!), ...tokenFlag(tokens, code)], ofd),
      ),
    ]);
    return this.#chain({ relay: { program, adminToken, data }, hq: hq!, shops, ofd, links });
  }

  async #withPeers(ofd: Program): Promise<Chain> {
    const data = join(this.#options.data, 'hq');
    await this.#initialise(data);
    // The keeper of the authority invites while it is stopped: nobody else may write its registry.
    const invited = await this.#invite(data, [...BRANCHES]);
    const hq = await this.#shop(HQ, []);
    const shops: Shop[] = [];
    const links: Link[] = [];
    let next = hq;
    for (const code of BRANCHES) {
      const link = await this.#link(code, next.program.url);
      links.push(link);
      // Enrolment is a visit to the keeper of the authority; replication afterwards takes only the link.
      const enrol = invited.has(code) ? ['--enrol', hq.program.url] : [];
      next = await this.#shop(code, ['--peer', linkUrl(link), ...enrol, ...tokenFlag(invited, code)], ofd);
      shops.push(next);
    }
    return this.#chain({ hq, shops, ofd, links });
  }

  #chain(parts: Omit<Chain, 'topology' | 'close'>): Chain {
    const { topology } = this.#options;
    const links = [...parts.links, ...this.#ofdLinks];
    return { ...parts, links, topology, close: () => this.#close() };
  }

  async #initialise(data: string): Promise<void> {
    if (this.#kept.relayAdminToken !== undefined) {
      return;
    }
    const output = await Program.run(['init', '--data', data, '--tenant', TENANT, '--json']);
    this.#kept.relayAdminToken = (JSON.parse(output) as { adminToken: string }).adminToken;
    this.#keep();
  }

  /** One-time tokens for whoever is not enrolled yet. */
  async #enrolmentTokens(
    keeper: Api,
    branches: readonly { code: string; role: string }[],
  ): Promise<Map<string, string>> {
    const unknown = branches.filter(({ code }) => this.#kept.tokens[code] === undefined);
    if (unknown.length === 0) {
      return new Map();
    }
    const { tokens } = await keeper.post<Invitations>('/v1/branches', { branches: unknown });
    return tokensByCode(tokens);
  }

  async #invite(data: string, codes: readonly string[]): Promise<Map<string, string>> {
    const unknown = codes.filter((code) => this.#kept.tokens[code] === undefined);
    if (unknown.length === 0) {
      return new Map();
    }
    const output = await Program.run([
      'branch',
      'add',
      ...unknown,
      '--role',
      'carrier',
      '--data',
      data,
      '--json',
    ]);
    return tokensByCode((JSON.parse(output) as Invitations).tokens);
  }

  async #shop(code: string, flags: readonly string[], ofd?: Program): Promise<Shop> {
    const data = this.#folder(code);
    const kkt = ofd === undefined ? undefined : await this.#register(code);
    const program = await this.#start(code, [
      'node',
      '--data',
      data,
      '--listen',
      await this.#address(code),
      ...(kkt === undefined ? [] : ['--kkt', kkt.said.address ?? '']),
      ...(ofd === undefined ? [] : ['--ofd', await this.#ofdLink(code, ofd)]),
      ...flags,
    ]);
    const { token } = JSON.parse(readFileSync(join(data, 'control.json'), 'utf8')) as { token: string };
    const control = new Api(program.url, token);
    const add = async (till: string, role: string): Promise<string> => {
      const name = `${code}/${till}`;
      this.#kept.tokens[name] ??= (await control.post<{ token: string }>('/v1/tills', { till, role })).token;
      return this.#kept.tokens[name];
    };
    const [first, second, manager] = [
      await add('T1', 'cashier'),
      await add('T2', 'cashier'),
      await add('office', 'admin'),
    ];
    this.#kept.tokens[code] = 'enrolled';
    this.#keep();
    return {
      branch: code,
      data,
      program,
      tillToken: first,
      adminToken: manager,
      api: new Api(program.url, manager),
      tills: [new Api(program.url, first), new Api(program.url, second)],
      ...(kkt === undefined ? {} : { kkt }),
    };
  }

  async #operator(): Promise<Program> {
    return this.#start('OFD', ['ofd', 'mock', '--listen', await this.#address('ofd')]);
  }

  /** Where the shop reaches the operator. */
  async #ofdLink(code: string, ofd: Program): Promise<string> {
    const link = await this.#link(`ofd ${code}`, `http://${ofd.said.address ?? ''}`);
    this.#ofdLinks.push(link);
    return `127.0.0.1:${link.port}`;
  }

  /** Each with a storage of its own, kept beside the shop's data. */
  async #register(code: string): Promise<Program> {
    const index = BRANCHES.findIndex((branch) => branch === code) + 1;
    return this.#start(`KKT of ${code}`, [
      'kkt',
      'emulate',
      '--port',
      await this.#address(`kkt ${code}`),
      '--data',
      join(this.#options.data, `kkt-${code.toLowerCase()}.json`),
      '--fn',
      `9999${String(index).padStart(12, '0')}`,
      '--strip-ms',
      String(STRIP_MS),
    ]);
  }

  async #start(name: string, args: readonly string[]): Promise<Program> {
    const { clock, random, onRestart } = this.#options;
    const program = await Program.start({ name, args, clock, random, onRestart: () => onRestart?.(name) });
    this.#opened.push(() => program.stop());
    return program;
  }

  async #link(name: string, url: string): Promise<Link> {
    const { hostname, port } = new URL(url);
    const link = await Link.open({
      target: { host: hostname, port: Number(port) },
      port: await this.#port(`link ${name}`),
    });
    this.#opened.push(() => link.close());
    return link;
  }

  /** The same port at every start, also of a child that died, so that the chain finds itself again. */
  async #port(name: string): Promise<number> {
    if (this.#options.portBase === 0) {
      this.#kept.ports[name] ??= await freePort();
      return this.#kept.ports[name];
    }
    this.#nextPort += 1;
    return this.#nextPort - 1;
  }

  async #address(name: string): Promise<string> {
    return `127.0.0.1:${await this.#port(name)}`;
  }

  #folder(code: string): string {
    return join(this.#options.data, code.toLowerCase());
  }

  #keep(): void {
    writeFileSync(this.#keptFile, `${JSON.stringify(this.#kept, null, 2)}\n`, { mode: 0o600 });
  }

  async #close(): Promise<void> {
    for (const close of this.#opened.splice(0).reverse()) {
      await close();
    }
  }
}

interface Invitations {
  readonly tokens: readonly { readonly code: string; readonly token: string }[];
}

function tokensByCode(tokens: Invitations['tokens']): Map<string, string> {
  return new Map(tokens.map(({ code, token }) => [code, token]));
}

function tokenFlag(tokens: ReadonlyMap<string, string>, code: string): string[] {
  const token = tokens.get(code);
  return token === undefined ? [] : ['--token', token];
}

function linkUrl(link: Link): string {
  return `http://127.0.0.1:${link.port}`;
}
