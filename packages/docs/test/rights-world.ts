/**
 * A small world of devices that share one account: random use, random plans, and a network that delays, repeats, reorders, drops and
 * parts as it likes. One seed is one schedule.
 *
 * A message is what its sender knew when it sent it, as a document's changes are with everything they were made upon. A restart
 * forgets what is not durable: open needs and the memory of recent use. After every step the invariants of `rights.ts` are checked
 * on every replica; an omniscient allocator, who sees all that is left everywhere, serves the same customers for comparison.
 */
import { type Random, seededRandom } from 'hlc-ts';
import {
  mergeRights,
  move,
  NO_RIGHTS,
  planRights,
  type RecentUse,
  type Rights,
  type RightsMove,
  reserveOf,
  rightsOf,
  spendableOf,
  usedAgain,
  valueLeft,
  type WriterId,
} from '../src/index.ts';

export const STEPS = 80;
const POINTS_MAX = 20;
const MESSAGES_MAX = 12;
/** Time between two steps. */
const STEP_MS = 700;

export interface Outcome {
  readonly wanted: number;
  /** Could not be served at once. */
  readonly refused: number;
  /** Of these, served while the customer waited: rights came. */
  readonly servedLater: number;
  /** Refused by somebody who knows what is left everywhere. */
  readonly refusedByOmniscient: number;
  readonly moves: number;
  /** In words; empty when every invariant held. */
  readonly violations: readonly string[];
}

export type Action =
  | { readonly type: 'earn' | 'spend'; readonly at: number; readonly points: number }
  | { readonly type: 'plan' | 'restart' | 'refund'; readonly at: number }
  | { readonly type: 'send' | 'part' | 'meet'; readonly from: number; readonly to: number }
  | { readonly type: 'give'; readonly from: number; readonly to: number; readonly points: number }
  | { readonly type: 'deliver'; readonly message: number; readonly keep: boolean }
  | { readonly type: 'heal' }
  /** Lost for ever; `levelled` = the others had heard everything of it before its key was ended. Never the pool. */
  | { readonly type: 'lose'; readonly at: number; readonly levelled: boolean };

interface Device {
  readonly writer: WriterId;
  rights: Rights;
  needed: number;
  use: RecentUse | undefined;
  usedAtMs: number | undefined;
}

export class RightsWorld {
  readonly violations: string[] = [];
  wanted = 0;
  refused = 0;
  servedLater = 0;
  refusedByOmniscient = 0;
  moves = 0;
  #nowMs = 1_800_000_000_000;
  #created = 0;
  #used = 0;
  readonly #devices: Device[];
  readonly #messages: { from: number; to: number; rights: Rights }[] = [];
  readonly #parted = new Set<string>();
  #lost: Device | undefined;

  /** The first device is the pool. */
  constructor(devices: number) {
    this.#devices = Array.from({ length: devices }, (_, at) => ({
      writer: `device${at}` as WriterId,
      rights: NO_RIGHTS,
      needed: 0,
      use: undefined,
      usedAtMs: undefined,
    }));
  }

  take(action: Action): void {
    this.#nowMs += STEP_MS;
    if (this.#lost !== undefined && this.#isOf(this.#lost, action)) {
      return;
    }
    switch (action.type) {
      case 'earn':
        this.#earn(this.#device(action.at), action.points);
        break;
      case 'spend':
        this.#spend(this.#device(action.at), action.points);
        break;
      case 'refund':
        this.#refund(this.#device(action.at));
        break;
      case 'plan':
        this.#plan(this.#device(action.at));
        break;
      case 'restart':
        Object.assign(this.#device(action.at), { needed: 0, use: undefined, usedAtMs: undefined });
        break;
      case 'give':
        this.#give(this.#device(action.from), this.#device(action.to), action.points);
        break;
      case 'meet':
        this.#meet(action.from, action.to);
        break;
      case 'send':
        this.#send(action.from, action.to);
        break;
      case 'part':
        this.#parted.add(pair(action.from, action.to));
        break;
      case 'heal':
        this.#parted.clear();
        break;
      case 'lose':
        this.#lose(this.#device(action.at), action.levelled);
        break;
      case 'deliver':
        this.#deliver(action.message, action.keep);
        break;
      default:
        action satisfies never;
    }
    this.#check(action.type);
  }

  /** Everybody tells everybody everything; what is left must be what was created and not used. */
  conclude(): Outcome {
    const all = this.#devices.reduce((rights, device) => mergeRights(rights, device.rights), NO_RIGHTS);
    const backwards = this.#devices.reduceRight(
      (rights, device) => mergeRights(rights, device.rights),
      NO_RIGHTS,
    );
    for (const device of this.#devices) {
      if (!isSame(mergeRights(device.rights, all), mergeRights(backwards, device.rights))) {
        this.violations.push('I3: replicas that saw the same differ');
      }
    }
    const left = valueLeft(all);
    const held = this.#devices.reduce((sum, { writer }) => sum + rightsOf(all, writer), 0);
    if (left !== this.#created - this.#used || held !== left || left < 0) {
      this.violations.push(`I2: created ${this.#created}, used ${this.#used}, left ${left}, held ${held}`);
    }
    const { wanted, refused, servedLater, refusedByOmniscient, moves, violations } = this;
    return { wanted, refused, servedLater, refusedByOmniscient, moves, violations };
  }

  #earn(device: Device, points: number): void {
    this.#step(device, { type: 'count', count: 'earned', points });
    this.#created += points;
    this.#noteUse(device, points);
  }

  #spend(device: Device, points: number): void {
    this.wanted += 1;
    const leftAnywhere = this.#created - this.#used;
    if (spendableOf(device.rights, device.writer) >= points) {
      this.#step(device, { type: 'count', count: 'spent', points });
      this.#used += points;
      this.#noteUse(device, points);
      device.needed = 0;
      return;
    }
    this.refused += 1;
    this.refusedByOmniscient += leftAnywhere < points ? 1 : 0;
    device.needed = points;
  }

  /** Takes back one point that may be spent already. */
  #refund(device: Device): void {
    this.#step(device, { type: 'count', count: 'owed', points: 1 });
  }

  #plan(device: Device): void {
    const { writer, rights, needed, use, usedAtMs } = device;
    const steps = planRights({
      rights,
      self: writer,
      pool: this.#devices[0]!.writer,
      holders: this.#devices.map((each) => each.writer),
      fenced: this.#lost !== undefined && device === this.#devices[0] ? [this.#lost.writer] : [],
      nowMs: this.#nowMs,
      connected: true,
      needed,
      reserve: reserveOf(use, this.#nowMs),
      assigned: false,
      usedAtMs,
      expired: false,
    });
    for (const step of steps) {
      this.#step(device, step);
      this.#used += step.type === 'count' ? step.points : 0;
      this.moves += step.type === 'give' ? 1 : 0;
    }
    if (device.needed > 0 && spendableOf(device.rights, writer) >= device.needed) {
      this.wanted -= 1;
      this.servedLater += 1;
      this.#spend(device, device.needed);
    }
  }

  /** As no plan would: only the counter itself stands between this and a doubled point. */
  #give(from: Device, to: Device, points: number): void {
    if (from !== to && spendableOf(from.rights, from.writer) >= points) {
      this.#step(from, { type: 'give', to: to.writer, points });
      this.moves += 1;
    }
  }

  /** Both learn what the other knows, and each acts on it. */
  #meet(from: number, to: number): void {
    if (!this.#parted.has(pair(from, to))) {
      const [one, other] = [this.#device(from), this.#device(to)];
      other.rights = mergeRights(other.rights, one.rights);
      one.rights = mergeRights(one.rights, other.rights);
      this.#plan(one);
      this.#plan(other);
    }
  }

  /** Its key is ended, and head office takes what it held: `reclaim` of an operator. What it sent before may arrive still. */
  #lose(device: Device, levelled: boolean): void {
    const [pool] = this.#devices as [Device, ...Device[]];
    if (device === pool || this.#lost !== undefined) {
      return;
    }
    this.#lost = device;
    if (levelled) {
      pool.rights = this.#devices.reduce((rights, each) => mergeRights(rights, each.rights), pool.rights);
    }
    this.#plan(pool);
  }

  #isOf(lost: Device, action: Action): boolean {
    switch (action.type) {
      case 'meet':
        return this.#device(action.from) === lost || this.#device(action.to) === lost;
      case 'send':
      case 'give':
        return this.#device(action.from) === lost;
      case 'part':
      case 'heal':
      case 'deliver':
      case 'lose':
        return false;
      default:
        return this.#device(action.at) === lost;
    }
  }

  #send(from: number, to: number): void {
    if (this.#messages.length < MESSAGES_MAX) {
      this.#messages.push({ from, to, rights: this.#device(from).rights });
    }
  }

  #deliver(at: number, keep: boolean): void {
    const message = this.#messages[at % Math.max(1, this.#messages.length)];
    if (message === undefined) {
      return;
    }
    const device = this.#device(message.to);
    if (!this.#parted.has(pair(message.from, message.to))) {
      device.rights = mergeRights(device.rights, message.rights);
    }
    if (!keep) {
      this.#messages.splice(at % this.#messages.length, 1);
    }
  }

  #step(device: Device, step: RightsMove): void {
    const moved = move(device.rights, device.writer, step);
    if (moved.ok) {
      device.rights = moved.rights;
    } else {
      this.violations.push(`${device.writer} planned what it may not do: ${step.type}`);
    }
  }

  #noteUse(device: Device, points: number): void {
    device.use = usedAgain(device.use, points, this.#nowMs);
    device.usedAtMs = this.#nowMs;
  }

  #check(after: string): void {
    for (const { rights, writer } of this.#devices) {
      for (const other of Object.keys(rights)) {
        if (rightsOf(rights, other) < 0) {
          this.violations.push(`I1 after ${after}: ${writer} sees ${other} below zero`);
        }
      }
    }
  }

  #device(at: number): Device {
    return this.#devices[at % this.#devices.length]!;
  }
}

/** One random schedule; `loss` = in the middle of it a device is lost for ever, and head office takes over its rights. */
export function playSchedule(seed: number, loss?: 'levelled' | 'unheard'): Outcome {
  const random = seededRandom(seed);
  const devices = 2 + below(random, 3);
  const world = new RightsWorld(devices);
  for (let step = 0; step < STEPS; step++) {
    if (loss !== undefined && step === STEPS / 2) {
      world.take({ type: 'lose', at: 1, levelled: loss === 'levelled' });
    }
    world.take(randomAction(random, devices));
  }
  return world.conclude();
}

function randomAction(random: Random, devices: number): Action {
  const at = below(random, devices);
  const to = below(random, devices);
  const points = 1 + below(random, POINTS_MAX);
  const dice = random();
  if (dice < 0.12) {
    return { type: 'earn', at, points };
  }
  if (dice < 0.3) {
    return { type: 'spend', at, points };
  }
  if (dice < 0.4) {
    return { type: 'plan', at };
  }
  if (dice < 0.5) {
    return { type: 'send', from: at, to };
  }
  if (dice < 0.62) {
    return { type: 'deliver', message: below(random, MESSAGES_MAX), keep: random() < 0.3 };
  }
  if (dice < 0.9) {
    return { type: 'meet', from: at, to };
  }
  const rare = ['restart', 'refund', 'part', 'part', 'heal', 'give'] as const;
  const type = rare[below(random, rare.length)]!;
  return type === 'part' || type === 'give' ? { type, from: at, to, points } : { type, at };
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function pair(from: number, to: number): string {
  return from < to ? `${from} ${to}` : `${to} ${from}`;
}

function isSame(left: Rights, right: Rights): boolean {
  const writers = Object.keys(left);
  return (
    writers.length === Object.keys(right).length &&
    writers.every(
      (writer) => JSON.stringify(ordered(left[writer]!)) === JSON.stringify(ordered(right[writer]!)),
    )
  );
}

function ordered(value: object): unknown {
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => [
      name,
      typeof each === 'object' && each !== null ? ordered(each as object) : each,
    ]);
}
