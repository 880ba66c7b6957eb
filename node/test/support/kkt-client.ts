/** A point of sale that speaks to the register API of the replaced adapter: a real app and a real socket before a `RegisterScene`. */
import { systemClock } from 'hlc-ts';
import { createHttpApp, type HttpApp, type HttpAppOptions } from '../../src/http/http-app.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import type { RegisterScene } from './register-scene.ts';

/** Gives sockets their turn. */
const wall = systemClock();
/** As long as the node holds any answer. */
const PATIENCE_MS = 30_000;

export interface KktReply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface KktSent {
  readonly key?: string | null;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly raw?: string;
}

/** One article for 261.96 in cash. */
export const saleBody = {
  pos_id: 'POS-001',
  type: 'sale',
  items: [{ name: 'Bookcase', price: 261.96, quantity: 1, total: 261.96, vat_rate: 22 }],
  payments: [{ type: 'cash', amount: 261.96 }],
};

export class KktClient {
  readonly scene: RegisterScene;
  readonly #options: Partial<HttpAppOptions>;
  #app: HttpApp | undefined;
  #server: HttpServer | undefined;
  #tokens: Record<string, string> = {};
  #keys = 0;

  private constructor(scene: RegisterScene, options: Partial<HttpAppOptions>) {
    this.scene = scene;
    this.#options = options;
  }

  static async open(scene: RegisterScene, options: Partial<HttpAppOptions> = {}): Promise<KktClient> {
    const client = new KktClient(scene, options);
    for (const role of ['cashier', 'manager', 'accountant', 'admin'] as const) {
      client.#tokens[role] = (await scene.services.tills.add(`T-${role}`, role)).token;
    }
    await client.reopen();
    return client;
  }

  /** The node behind it is another one: after a crash. */
  async reopen(): Promise<void> {
    const { clock } = this.scene.chain;
    await this.#hangUp();
    const kktApi = { waitMs: PATIENCE_MS, ...this.#options.kktApi };
    this.#app = createHttpApp(this.scene.services, { clock, version: '0', ...this.#options, kktApi });
    this.#server = await HttpServer.open({ handler: this.#app.handler, host: '127.0.0.1', port: 0, clock });
  }

  get url(): string {
    return this.#server!.url;
  }

  token(role: string): string {
    return this.#tokens[role]!;
  }

  /** Lets time pass while the node holds its answer. */
  async call(method: string, path: string, body?: unknown, sent: KktSent = {}): Promise<KktReply> {
    return await this.pacing(this.fetch(method, path, body, sent));
  }

  /** Time passes in steps that leave room for sockets: an answer that is held for paper must not run out of simulated time. */
  async pacing<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const result = work.finally(() => {
      over = true;
    });
    while (!over) {
      await this.scene.chain.clock.advance(10);
      await wall.yield();
    }
    return await result;
  }

  /** The same, for whoever moves the clock already. */
  async fetch(method: string, path: string, body?: unknown, sent: KktSent = {}): Promise<KktReply> {
    this.#keys += 1;
    const { key = `k-${this.#keys}`, token = this.#tokens.admin, raw } = sent;
    const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const reply = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(key === null ? {} : { 'idempotency-key': key }),
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...sent.headers,
      },
      ...(text === undefined ? {} : { body: text }),
    });
    return { status: reply.status, headers: reply.headers, json: await reply.json() };
  }

  sell(key?: string, more: object = {}): Promise<KktReply> {
    const sent = key === undefined ? {} : { key };
    return this.call('POST', '/v1/kkt/receipt', { ...saleBody, ...more }, sent);
  }

  status(id: string): Promise<KktReply> {
    return this.call('GET', `/v1/kkt/receipt/${id}`);
  }

  async untilSynced(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      await this.scene.chain.until(
        async () => (await this.scene.services.receipts.get(id))?.ofd === 'delivered',
      );
    }
    await this.untilEmpty();
  }

  /** Nothing waits for the register or the operator. */
  async untilEmpty(): Promise<void> {
    await this.scene.chain.until(async () => (await this.scene.services.register.buffer()).pending === 0);
  }

  async #hangUp(): Promise<void> {
    this.#app?.close();
    this.#server?.server.closeAllConnections();
    const server = this.#server;
    if (server !== undefined) {
      await this.scene.chain.running(server.close());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hangUp();
  }
}
