/**
 * An emulated cash register: a test double, not a KKT. It registers nothing with anybody, its storage numbers begin with 9999
 * and its signs with 0999.
 *
 * Holds what lives longer than a connection: the register with its storage, the protocols' memory of the last answer, power
 * and faults. Ports (shtrih-port.ts, pirit-port.ts, atol-port.ts) bring commands, one at a time as a device works: each goes
 * through `perform`, which says what becomes of the answer.
 */
import type { Clock } from 'hlc-ts';
import type { ByteLine } from '../byte-line.ts';
import { CashRegister } from './cash-register.ts';
import { FaultPlan, type FaultRule } from './faults.ts';
import { FiscalStorage, type RegistrationData, type StorageJson } from './fiscal-storage.ts';

/** Connections at a time; real devices take one. */
export const LINES_MAX = 16;

export interface EmulatorOptions {
  readonly clock: Clock;
  readonly fn?: string;
  readonly registration?: Partial<RegistrationData>;
  /** How long a command takes, and one that registers. */
  readonly commandMs?: number;
  readonly registerMs?: number;
  /** How long a strip takes to print. */
  readonly stripMs?: number;
  /** Whether an open receipt survives a loss of power. */
  readonly keepsOpenReceipt?: boolean;
  /** Whether the last answer of the second protocol does. */
  readonly keepsAnswer?: boolean;
  /** Of an emulator that was stopped. */
  readonly saved?: EmulatorJson;
}

export interface EmulatorJson {
  readonly storage: StorageJson;
  readonly cashMinor: number;
}

/** What becomes of an answer on its way back. */
export interface Delivery {
  readonly answer: Uint8Array;
  readonly faults: readonly FaultRule[];
}

const YEAR_SECONDS = 365 * 86_400;

export class KktEmulator {
  readonly faults = new FaultPlan();
  readonly device: CashRegister;
  readonly clock: Clock;
  /** Documents of storages that were taken out. */
  readonly retired: FiscalStorage[] = [];
  /** Memory of the last answer, which every connection shares. */
  lastAnswer: { number: number; frame: Uint8Array | undefined } = { number: 0, frame: undefined };
  readonly #options: EmulatorOptions;
  readonly #lines = new Set<ByteLine>();
  readonly #forgetters = new Set<() => void>();
  #turn: Promise<unknown> = Promise.resolve();
  #underWay = 0;
  /** Counts losses of power: what began under another number never ends. */
  #era = 0;
  #offUntilMs = 0;

  constructor(options: EmulatorOptions) {
    this.#options = options;
    this.clock = options.clock;
    const { saved } = options;
    const storage = saved === undefined ? this.#newStorage() : FiscalStorage.fromJson(saved.storage);
    this.device = new CashRegister({
      clock: options.clock,
      storage,
      stripMs: options.stripMs ?? 300,
      keepsOpenReceipt: options.keepsOpenReceipt ?? false,
    });
    this.device.cashMinor = saved?.cashMinor ?? 0;
    if (storage.lastFd === 0) this.#register();
  }

  get era(): number {
    return this.#era;
  }

  get isOn(): boolean {
    return this.clock.monotonicMs() >= this.#offUntilMs;
  }

  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** Called by a port for each connection; undefined when there is no room or no power. */
  join(line: ByteLine, forget: () => void): { leave(): void } | undefined {
    if (!this.isOn || this.#lines.size >= LINES_MAX) return undefined;
    this.#lines.add(line);
    const attachment = this.attach(forget);
    return {
      leave: () => {
        this.#lines.delete(line);
        attachment.leave();
      },
    };
  }

  /** Called by a port whose line outlives power, as a serial cable does. */
  attach(forget: () => void): { leave(): void } {
    this.#forgetters.add(forget);
    return { leave: () => this.#forgetters.delete(forget) };
  }

  /**
   * Carries one command out when the ones before it are done. Undefined when there will be no answer: the command was lost, or
   * the power is.
   */
  async perform(
    command: string,
    kind: 'read' | 'step' | 'register',
    carryOut: () => Uint8Array,
    refuse: (deviceCode: number) => Uint8Array,
  ): Promise<Delivery | undefined> {
    this.#underWay += 1;
    const turn = this.#turn.then(() => this.#perform(command, kind, carryOut, refuse));
    this.#turn = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#underWay -= 1;
    }
  }

  /** Power is gone for `ms`: what was not registered is lost, as the options say. */
  cutPower(ms: number): void {
    this.#era += 1;
    this.#offUntilMs = this.clock.monotonicMs() + ms;
    this.device.losePower();
    if (this.#options.keepsAnswer !== true) this.lastAnswer = { number: 0, frame: undefined };
    for (const forget of this.#forgetters) forget();
    this.dropLines();
  }

  /** Connections end; a serial line has none and just falls silent. */
  dropLines(): void {
    for (const line of this.#lines) void line.close();
    this.#lines.clear();
  }

  /** Another storage, fresh from the box. */
  swapStorage(fn = '9999000000000002'): void {
    this.retired.push(this.device.storage);
    this.device.open = undefined;
    this.device.storage = this.#newStorage(fn);
    this.#register();
  }

  /** The one that was taken out last comes back. */
  restoreStorage(): void {
    const before = this.retired.pop();
    if (before === undefined) return;
    this.device.open = undefined;
    this.device.storage = before;
  }

  toJson(): EmulatorJson {
    return { storage: this.device.storage.toJson(), cashMinor: this.device.cashMinor };
  }

  async #perform(
    command: string,
    kind: 'read' | 'step' | 'register',
    carryOut: () => Uint8Array,
    refuse: (deviceCode: number) => Uint8Array,
  ): Promise<Delivery | undefined> {
    const era = this.#era;
    const faults = this.faults.take(command);
    const firing = (fault: FaultRule['fault']) => faults.find((rule) => rule.fault === fault);
    for (const rule of faults) this.#strike(rule);
    if (era !== this.#era) return undefined;
    const { commandMs = 5, registerMs = 200 } = this.#options;
    await this.clock.sleep(kind === 'register' ? registerMs : commandMs);
    if (era !== this.#era) return undefined;
    const refused = firing('refuse') ?? firing('busy');
    if (refused !== undefined) {
      return { answer: refuse(refused.fault === 'busy' ? 0x50 : (refused.code ?? 0x33)), faults };
    }
    const answer = carryOut();
    const cut = firing('power-cut-after');
    if (cut !== undefined) {
      this.cutPower(cut.ms ?? 2_000);
      return undefined;
    }
    if (firing('line-drop') !== undefined) {
      this.dropLines();
      return undefined;
    }
    return { answer, faults };
  }

  /** Faults that happen to the device before the command is carried out. */
  #strike(rule: FaultRule): void {
    const { device } = this;
    switch (rule.fault) {
      case 'power-cut-before':
        this.cutPower(rule.ms ?? 2_000);
        break;
      case 'paper-out':
        device.printer.runOutAfter(0);
        break;
      case 'cover-open':
        device.printer.isCoverOpen = true;
        break;
      case 'swap-fn':
        this.swapStorage();
        break;
      case 'foreign-sale':
        device.sellElsewhere(rule.code ?? 12_345);
        break;
      case 'clock-jump':
        device.clockOffsetSeconds += Math.round((rule.ms ?? 0) / 1000);
        break;
      case 'slow-print':
        device.printer.stripMs = rule.ms ?? 10_000;
        break;
      default:
        // The others are about the line or about the answer.
        break;
    }
  }

  #newStorage(fn = this.#options.fn ?? '9999000000000001'): FiscalStorage {
    return new FiscalStorage({
      fn,
      registration: {
        inn: '7700000000',
        number: '0000000001000000',
        ffd: '1.2',
        taxSystems: ['general'],
        ...this.#options.registration,
      },
      expiresSeconds: Math.floor(this.clock.nowMs() / 1000) + 3 * YEAR_SECONDS,
    });
  }

  #register(): void {
    const { storage, nowSeconds } = this.device;
    storage.register({
      form: 1,
      tags: [
        { tag: 1062, value: 1 },
        { tag: 1048, value: 'EMULATOR' },
      ],
      atSeconds: nowSeconds,
    });
  }
}
