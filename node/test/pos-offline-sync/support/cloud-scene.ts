/** A head office with its HTTP edge, and callers that speak to it as the module does. */
import type { ProductPut } from '@branchline/model';
import type { Json } from '../../../../test/support/pos-offline-sync/records.ts';
import { createHttpApp, type HttpApp } from '../../../src/http/http-app.ts';
import { HttpServer } from '../../../src/http/http-server.ts';
import type { NodeServices } from '../../../src/services.ts';
import { Chain, type Machine } from '../../support/chain.ts';

export interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface PosCaller {
  readonly branch: string;
  readonly id: string;
  readonly key: string;
  readonly warehouse: string;
}

export class CloudScene {
  readonly chain: Chain;
  readonly hq: Machine;
  #app: HttpApp | undefined;
  #server: HttpServer | undefined;

  private constructor(chain: Chain, hq: Machine) {
    this.chain = chain;
    this.hq = hq;
  }

  static async open(): Promise<CloudScene> {
    const chain = await Chain.open();
    const scene = new CloudScene(chain, await chain.machine('HQ', { role: 'hq' }));
    await scene.start();
    return scene;
  }

  async start(): Promise<void> {
    const services = await this.hq.start();
    const { clock } = this.chain;
    this.#app = createHttpApp(services, { clock, version: '0' });
    this.#server = await HttpServer.open({ handler: this.#app.handler, host: '127.0.0.1', port: 0, clock });
  }

  /** The power goes: what was not durable is gone. */
  async crash(): Promise<void> {
    await this.#hangUp();
    await this.hq.crash();
  }

  get services(): NodeServices {
    return this.hq.services;
  }

  get url(): string {
    return this.#server!.url;
  }

  async branch(
    branch: string,
    more: { readonly id?: number; readonly locationId?: number } = {},
  ): Promise<PosCaller> {
    const warehouse = `Sucursal ${branch}`;
    const made = await this.services.posSync!.addKey(
      { till: 'A1', role: 'admin' },
      { branch, warehouse: { name: warehouse, ...more } },
    );
    return { branch, warehouse, ...made };
  }

  async product(sku: string, put: object): Promise<void> {
    await this.services.products.put(sku, this.hq.request(put as ProductPut));
  }

  async call(path: string, body: unknown, key?: string): Promise<Reply> {
    const response = await fetch(`${this.url}/pos_offline_sync${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, json: await response.json() };
  }

  /** As the client does: one request per model. `rows` are `[queue_id, local_id, data, operation]`. */
  async push(
    caller: PosCaller,
    model: string,
    rows: readonly (readonly [number, number, Json, string?])[],
  ): Promise<Reply> {
    const records = rows.map(([queue_id, local_id, data, operation = 'create']) => ({
      queue_id,
      local_id,
      operation,
      data,
    }));
    return await this.call(
      '/push',
      { model, warehouse_id: 1, warehouse_name: caller.warehouse, records },
      caller.key,
    );
  }

  async pull(caller: PosCaller, entities: readonly string[], lastSync: string | null = null): Promise<Reply> {
    return await this.call('/pull', { warehouse_id: 1, entities, last_sync: lastSync }, caller.key);
  }

  async rpc(path: string, params: Json, key?: string): Promise<Reply> {
    return await this.call(path, { jsonrpc: '2.0', method: 'call', params, id: 7 }, key);
  }

  async #hangUp(): Promise<void> {
    this.#app?.close();
    this.#server?.server.closeAllConnections();
    await this.#server?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hangUp();
    await this.chain.close();
  }
}
