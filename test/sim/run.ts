/**
 * One run: a seed decides what people do and what goes wrong, for so many steps; then everything is mended, the chain gets
 * time to agree, and everything is checked.
 *
 *     safety: steps of people and faults ──> mend, start what is down ──> liveness: level within a limit ──> checks
 */
import { type Random, randomInteger } from 'hlc-ts';
import { checkAll, Finding, isLevel, lag, receiptsPending } from './checks.ts';
import { FAULTS, type Fault, mend } from './faults.ts';
import type { Machine } from './machine.ts';
import { CUSTOMERS, People, SKUS } from './people.ts';
import { World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  readonly steps: number;
  readonly shops?: number;
  /** Names of faults that may happen; all when left out. */
  readonly faults?: readonly string[];
}

export interface Outcome {
  readonly seed: number;
  readonly steps: number;
  readonly digest: string;
  readonly counts: ReadonlyMap<string, number>;
  readonly sales: number;
  readonly simulatedMs: number;
  readonly failure?: { readonly words: string; readonly story: readonly string[] };
}

const SHOPS_DEFAULT = 3;
/** Share of steps in which something goes wrong, over all faults of a run. */
const TROUBLE = 0.12;
/** Share of faults that a run has at all. */
const FAULTS_OF_A_RUN = 0.5;
/** Everything mended, a chain must agree within this simulated time. */
const LEVEL_LIMIT_MS = 10 * 60_000;
const PRINT_LIMIT_MS = 30 * 60_000;
const STEP_MS_MAX = 1_500;
/** A pause: machines idle, periods roll over, timers come due. */
const PAUSE_MS_MAX = 20_000;

/** What a request waits for at most; more open ones would be an endless queue of one till. */
const OPEN_MAX = 20;

export async function run(options: RunOptions): Promise<Outcome> {
  const { seed, steps, shops = SHOPS_DEFAULT } = options;
  const world = await World.open({ seed, shops });
  const people = new People(world);
  const faults = chosen(world.random, options.faults);
  const outcome = (): Outcome => ({
    seed,
    steps,
    digest: world.trace.digest(),
    counts: world.counts,
    sales: people.sales.filter(({ told }) => told === 'done').length,
    simulatedMs: world.timeMs,
  });
  try {
    await stock(world);
    for (let step = 0; step < steps; step += 1) {
      await act(world, people, faults);
      people.check();
    }
    await agree(world, people);
    await checkAll(world, people);
    people.check();
    await world.close();
    return outcome();
  } catch (error) {
    const words = error instanceof Finding ? error.message : ((error as Error).stack ?? String(error));
    return { ...outcome(), failure: { words, story: world.trace.tail } };
  }
}

/** Each run has its own set of faults, each with its own weight. */
function chosen(random: Random, names: readonly string[] | undefined): readonly (readonly [Fault, number])[] {
  return FAULTS.flatMap((fault) => {
    const weight = random() < FAULTS_OF_A_RUN ? random() : 0;
    const isMeant = names?.includes(fault.name) ?? true;
    return isMeant && weight > 0 ? [[fault, weight] as const] : [];
  });
}

async function stock(world: World): Promise<void> {
  const rows = SKUS.map((sku, at) => ({
    sku,
    name: `Frame ${at + 1}`,
    priceMinor: 10_000 + at,
    vat: 'vat22',
  }));
  await world.within('the catalog', world.office.node.importCatalog(rows as never));
  for (const id of CUSTOMERS) {
    const request = {
      key: `new-${id}`,
      fingerprint: id,
      till: { till: 'T1', role: 'manager' },
      body: { name: id },
    };
    await world.within('a customer', world.office.services.customers.put(id, request as never));
  }
  const known = (): boolean =>
    world.shops.every((shop) => SKUS.every((sku) => shop.services.products.get(sku) !== undefined));
  if (!(await world.until(60_000, known))) {
    throw new Finding('the catalog never reached the shops');
  }
}

async function act(
  world: World,
  people: People,
  faults: readonly (readonly [Fault, number])[],
): Promise<void> {
  for (const machine of world.machines) {
    if (machine.isUp && machine.fault !== undefined) {
      world.count('ended by itself');
      world.say(`${machine.name}: ends, ${machine.fault}`);
      machine.disk.heal();
      await machine.kill();
    }
  }
  const idle = world.machines.filter(({ isUp }) => !isUp);
  if (idle.length > 0 && world.chance(0.3)) {
    await begin(world, world.pick(idle));
  }
  if (faults.length > 0 && world.chance(TROUBLE)) {
    const fault = weighted(world.random, faults);
    if (await fault.strike(world)) {
      world.count(fault.name);
    }
  }
  const shops = world.shops.filter(({ isUp }) => isUp);
  const isBusy = people.open.length >= OPEN_MAX;
  if (shops.length > 0) {
    const shop = world.pick(shops);
    const dice = world.random();
    if (dice < 0.45 && !isBusy) {
      people.sell(shop);
    } else if (dice < 0.55 && !isBusy) {
      people.receive(shop);
    } else if (dice < 0.65) {
      people.repeat(shop);
    }
  }
  if (world.office.isUp && world.chance(0.05)) {
    people.changePrice(world.office);
  }
  await world.clock.advance(
    world.chance(0.02) ? randomInteger(world.random, PAUSE_MS_MAX) : randomInteger(world.random, STEP_MS_MAX),
  );
}

/** A machine that cannot start because its disk fails is left for another time; any other reason is a finding. */
async function begin(world: World, machine: Machine): Promise<void> {
  world.say(`${machine.name}: starts`);
  try {
    await world.within(`the start of ${machine.name}`, machine.start());
    world.count('started again');
  } catch (error) {
    const { code } = error as { code?: string };
    world.say(`${machine.name}: cannot start, ${code}`);
    if (code === undefined || !['EIO', 'ENOSPC', 'STORE_FULL', 'STORE_POISONED'].includes(code)) {
      throw error;
    }
    machine.disk.heal();
    await machine.kill();
  }
}

async function agree(world: World, people: People): Promise<void> {
  world.say('everything is mended');
  mend(world);
  for (const machine of world.machines) {
    // Capacity came back, but a store that failed stays closed until its process is started anew.
    if (machine.isUp && machine.fault !== undefined) {
      await machine.kill();
    }
    if (!machine.isUp) {
      await begin(world, machine);
    }
  }
  for (const shop of world.shops) {
    await people.settle(shop);
  }
  people.check();
  if (!(await world.until(LEVEL_LIMIT_MS, () => isLevel(world), 1_000))) {
    throw new Finding(`liveness: not level after ${LEVEL_LIMIT_MS / 60_000} min\n  ${lag(world)}`);
  }
  const printed = async (): Promise<boolean> => {
    const pending = await Promise.all(world.shops.map(receiptsPending));
    return pending.every((count) => count === 0);
  };
  if (!(await world.until(PRINT_LIMIT_MS, printed, 5_000))) {
    throw new Finding('G6, liveness: receipts are neither printed nor registered after half an hour');
  }
  // What was printed meanwhile has to travel, too.
  if (!(await world.until(LEVEL_LIMIT_MS, () => isLevel(world), 1_000))) {
    throw new Finding(`liveness: not level after printing\n  ${lag(world)}`);
  }
}

function weighted(random: Random, faults: readonly (readonly [Fault, number])[]): Fault {
  const total = faults.reduce((sum, [, weight]) => sum + weight, 0);
  let left = random() * total;
  for (const [fault, weight] of faults) {
    left -= weight;
    if (left < 0) {
      return fault;
    }
  }
  return faults.at(-1)![0];
}
