/** A branch with an emulated register of any family beside it, or with none, on a clock that is turned by hand. */
import { randomUUID } from 'node:crypto';
import {
  AtolDriver,
  AtolServer,
  type EmulatorOptions,
  type KktDriver,
  KktEmulator,
  PiritDriver,
  PiritServer,
  ShtrihDriver,
  ShtrihServer,
} from '@branchline/fiscal';
import type { FiscalReceipt, Order, OrderRequest, ReceiptState } from '@branchline/model';
import type { NodeKkt } from '../../src/fiscal/open-fiscal.ts';
import { Chain, type Machine } from './chain.ts';

export const kktFamilies = ['shtrih', 'atol', 'pirit'] as const;
export type KktFamily = (typeof kktFamilies)[number];

export interface KktSceneOptions {
  readonly family?: KktFamily;
  readonly emulator?: Omit<EmulatorOptions, 'clock'>;
  readonly kkt?: Partial<NodeKkt>;
  /** A branch without a register. */
  readonly bare?: boolean;
}

type Receipted = { readonly receipt: { readonly id: string } };

export class KktScene {
  readonly chain: Chain;
  readonly machine: Machine;
  readonly emulator: KktEmulator;
  readonly #newDriver: () => KktDriver;
  #driver: KktDriver | undefined;

  private constructor(chain: Chain, machine: Machine, options: KktSceneOptions) {
    this.chain = chain;
    this.machine = machine;
    this.emulator = new KktEmulator({ clock: chain.clock, ...options.emulator });
    this.#newDriver = drivers(options.family ?? 'shtrih', this.emulator, chain);
    if (options.bare !== true) {
      machine.kkt = () => {
        this.#driver = this.driver();
        return { driver: this.#driver, taxSystem: 'general', ...options.kkt };
      };
    }
  }

  static async open(options: KktSceneOptions = {}): Promise<KktScene> {
    const chain = await Chain.open();
    const scene = new KktScene(chain, await chain.machine('B001'), options);
    await scene.machine.start();
    return scene;
  }

  /** Another program on the same line. */
  driver(): KktDriver {
    return this.#newDriver();
  }

  /** The node is gone in the middle of whatever it did. */
  async crash(): Promise<void> {
    if (this.#driver !== undefined) {
      await this.chain.running(this.#driver.close());
    }
    await this.machine.crash();
  }

  get services() {
    return this.machine.services;
  }

  async sell(request: object, till = 'T1'): Promise<Order> {
    const full = { redeemPoints: 0, ...request } as unknown as OrderRequest;
    return (await this.services.orders.place(this.machine.request(full, { till }))).body;
  }

  async receipt({ receipt }: Receipted): Promise<FiscalReceipt> {
    return (await this.services.receipts.get(receipt.id))!;
  }

  until(order: Receipted, ...states: ReceiptState[]): Promise<void> {
    return this.chain.until(async () => states.includes((await this.receipt(order)).state));
  }

  /** Documents of a form in the storage. */
  count(form: number): number {
    return this.emulator.device.storage.documents.filter((document) => document.form === form).length;
  }

  /** A call that waits for the register, with the clock running. */
  async running<T>(work: () => Promise<T>): Promise<T> {
    // Settled as a value: a refusal must not count as unheard while the clock runs.
    const result = await this.chain.running(
      work().then(
        (value) => ({ ok: true as const, value }),
        (error: unknown) => ({ ok: false as const, error }),
      ),
    );
    if (result.ok) {
      return result.value;
    }
    throw result.error;
  }

  /** The code of the refusal, or `nothing`. */
  async refused(work: () => Promise<unknown>): Promise<string> {
    try {
      await this.running(work);
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'nothing';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chain.close();
  }
}

function drivers(family: KktFamily, emulator: KktEmulator, { clock }: Chain): () => KktDriver {
  const onFailure = (error: unknown): never => {
    throw error;
  };
  switch (family) {
    case 'atol': {
      const server = new AtolServer({ emulator, onFailure });
      return () => new AtolDriver({ call: server.call(), clock, newUuid: randomUUID });
    }
    case 'pirit': {
      const server = new PiritServer({ emulator, onFailure });
      const wallSeconds = (): number => emulator.device.nowSeconds;
      return () => new PiritDriver({ openLine: server.openLine(), clock, wallSeconds });
    }
    case 'shtrih': {
      const server = new ShtrihServer({ emulator, onFailure });
      return () => new ShtrihDriver({ openLine: server.openLine(), clock, protocol: 'v2' });
    }
    default:
      return family satisfies never;
  }
}
