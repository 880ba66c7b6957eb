/**
 * One run: a seed decides what people do and what goes wrong, for so many steps; then everything is mended, the chain gets
 * time to agree, and everything is checked.
 *
 *     safety: steps of people and faults ──> mend, start what is down ──> liveness: level within a limit ──> checks
 */
import { verifyStore } from '@branchline/feed';
import { type Random, randomInteger } from 'hlc-ts';
import { checkAll, undelivered } from './checks.ts';
import { CUSTOMERS, SKUS } from './errands.ts';
import { FAULTS, type Fault, mend } from './faults.ts';
import { Finding } from './finding.ts';
import { isLevel, lag } from './level.ts';
import { DIR, type Machine, TENANT } from './machine.ts';
import { People } from './people.ts';
import { Shop } from './shop.ts';
import { type ChainOptions, World } from './world.ts';

export interface RunOptions extends ChainOptions {
  readonly seed: number;
  readonly steps: number;
  /** Names of faults that happen; when left out the dice choose. */
  readonly faults?: readonly string[];
  /** Called before each step. */
  readonly beforeStep?: (step: number) => void;
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

/** Share of steps in which something goes wrong, over all faults of a run. */
const TROUBLE = 0.12;
/** Share of faults that a run has at all. */
const FAULTS_OF_A_RUN = 0.5;
/** Everything mended, a chain must agree within this simulated time. */
const LEVEL_LIMIT_MS = 10 * 60_000;
const PRINT_LIMIT_MS = 60 * 60_000;
/** Longer than a round of any desk. */
const DESK_ROUND_MS = 12_000;
const STOCK_LIMIT_MS = 60_000;
const STEP_MS_MAX = 1_000;
/** Steps so short that what comes next meets what is still under way. */
const QUICK = 0.3;
const QUICK_MS_MAX = 60;
/** A pause: machines idle, periods roll over, timers come due. */
const PAUSE_MS_MAX = 20_000;
/** A disk that was damaged says one of these, and the machine is made again from its image. */
const DAMAGED: ReadonlySet<string> = new Set(['STORE_CORRUPT', 'FEED_SIGNATURE', 'FEED_GAP', 'FEED_ENTRY']);
const FAILING: ReadonlySet<string> = new Set([
  'EIO',
  'ENOSPC',
  'STORE_FULL',
  'STORE_POISONED',
  'STORE_CLOSED',
]);
/** Share of starts after damage before which somebody has the disk verified. */
const LOOKS_FIRST = 0.5;
/** Starts in a row that may fail while everything is mended. */
const STARTS_MAX = 5;

export async function run(options: RunOptions): Promise<Outcome> {
  const { seed, steps } = options;
  const world = await World.open(options);
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
    await stock(world, people);
    for (let step = 0; step < steps; step += 1) {
      options.beforeStep?.(step);
      await act(world, people, faults);
      people.check();
    }
    await agree(world, people);
    await checkAll(world, people);
    people.check();
    world.sayEnds();
    await world.close();
    world.countQuietFaults();
    return outcome();
  } catch (error) {
    const words = error instanceof Finding ? error.message : ((error as Error).stack ?? String(error));
    return { ...outcome(), failure: { words, story: world.trace.tail } };
  }
}

/** Each run has its own set of faults, each with its own weight; or those that were named. */
function chosen(random: Random, names: readonly string[] | undefined): readonly (readonly [Fault, number])[] {
  return FAULTS.flatMap((fault) => {
    const diced = random() < FAULTS_OF_A_RUN ? random() * fault.weight : 0;
    const weight = names === undefined ? diced : names.includes(fault.name) ? fault.weight : 0;
    return weight > 0 ? [[fault, weight] as const] : [];
  });
}

async function stock(world: World, people: People): Promise<void> {
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
  if (!(await world.until(STOCK_LIMIT_MS, known))) {
    throw new Finding('2: the catalog never reached the shops');
  }
  await world.within('the first cards', people.sellFirstCards(world.shops[0]!));
  if (!(await world.until(STOCK_LIMIT_MS, () => isLevel(world)))) {
    throw new Finding('2: the first cards never reached the shops');
  }
}

async function act(
  world: World,
  people: People,
  faults: readonly (readonly [Fault, number])[],
): Promise<void> {
  await endWhatEnds(world);
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
  const shops = world.shops.filter(({ isSelling }) => isSelling);
  if (shops.length > 0) {
    people.visit(world.pick(shops));
  }
  if (world.office.isSelling && world.chance(0.05)) {
    people.changePrice(world.office);
  }
  await world.clock.advance(pace(world));
}

function pace({ random }: World): number {
  const dice = random();
  const max = dice < QUICK ? QUICK_MS_MAX : dice > 0.98 ? PAUSE_MS_MAX : STEP_MS_MAX;
  return randomInteger(random, max);
}

/** Programs that must end do; one that wants another key gets it. */
async function endWhatEnds(world: World): Promise<void> {
  for (const machine of world.machines) {
    if (!machine.isUp) {
      continue;
    }
    if (machine.fault !== undefined) {
      world.count('ended by itself');
      world.say(`${machine.name}: ends, ${machine.fault}`);
      machine.disk.medium.heal();
      await machine.kill();
      if (machine instanceof Shop && machine.damage !== undefined) {
        await lookInto(world, machine);
      }
    } else if (machine instanceof Shop && machine.renewal !== undefined && machine.damage !== undefined) {
      await machine.kill();
      await lookInto(world, machine);
    } else if (machine instanceof Shop && machine.renewal !== undefined) {
      world.say(`${machine.name}: goes on under a new key`);
      machine.image = undefined;
      await renew(world, machine);
    }
  }
}

/** A disk that fails in the middle of it ends the process: it is asked for again after the next start. */
async function renew(world: World, shop: Shop): Promise<void> {
  try {
    await world.within(`the new key of ${shop.name}`, shop.renew());
  } catch (error) {
    const { code } = error as { code?: string };
    world.say(`${shop.name}: no new key yet, ${code}`);
    if (code === undefined || !(FAILING.has(code) || (shop.damage !== undefined && DAMAGED.has(code)))) {
      throw error;
    }
    shop.disk.medium.heal();
    await shop.kill();
  }
}

/** A machine that cannot start because its disk fails is left for another time; any other reason is a finding. */
async function begin(world: World, machine: Machine): Promise<void> {
  world.say(`${machine.name}: starts`);
  if (machine instanceof Shop && machine.damage !== undefined && world.chance(LOOKS_FIRST)) {
    await lookInto(world, machine);
  }
  try {
    await world.within(`the start of ${machine.name}`, machine.start());
    world.count('started again');
  } catch (error) {
    const { code } = error as { code?: string };
    world.say(`${machine.name}: cannot start, ${code}`);
    if (machine instanceof Shop && DAMAGED.has(code ?? '')) {
      world.count('damaged journal refused');
      await machine.kill();
      if (machine.damage !== undefined) {
        await lookInto(world, machine);
        return;
      }
      if (machine.image !== undefined) {
        await machine.putBack(machine.image);
        return;
      }
    }
    if (DAMAGED.has(code ?? '')) {
      throw new Finding(`19, 47: ${machine.name} cannot start: ${(error as Error).message}`);
    }
    if (code === undefined || !FAILING.has(code)) {
      throw error;
    }
    machine.disk.medium.heal();
    await machine.kill();
  }
}

/** `branchline verify` on a stopped machine reads everything there is; what it finds is put right from a good copy. */
async function lookInto(world: World, shop: Shop): Promise<void> {
  const { path, bit } = shop.damage!;
  const { medium } = shop.disk;
  const isBroken = async (): Promise<boolean> => {
    const { broken } = await verifyStore({ disk: shop.disk.medium, dir: DIR, tenant: TENANT });
    return broken !== undefined;
  };
  shop.damage = undefined;
  if (!(await isBroken())) {
    // In room that holds no record, or in a last one that was cut off as torn: peers have it.
    world.count('bit that did not matter');
    return;
  }
  world.count('damage found by verify');
  medium.flipBit(path, bit);
  if (await isBroken()) {
    throw new Finding(`47: the journal of ${shop.name} is broken where nothing was flipped`);
  }
}

async function agree(world: World, people: People): Promise<void> {
  world.say('everything is mended');
  for (const { disk } of world.machines) {
    if (disk.isLying) {
      await disk.settle();
    }
  }
  mend(world);
  for (const machine of world.machines) {
    if (machine instanceof Shop && machine.damage !== undefined) {
      await machine.kill();
      await lookInto(world, machine);
    }
    // Capacity came back, but a store that failed stays closed until its process is started anew.
    if (machine.isUp && machine.fault !== undefined) {
      await machine.kill();
    }
    for (let left = STARTS_MAX; !machine.isUp && left > 0; left -= 1) {
      await begin(world, machine);
    }
  }
  const stolen = world.shops.find(({ isRevoked }) => isRevoked);
  if (stolen !== undefined) {
    await world.within('the revocation', world.relay.revoke(stolen.key)).catch(() => undefined);
  }
  await level(world, 'level');
  for (const shop of world.shops.filter(({ isRevoked }) => !isRevoked)) {
    await people.settle(shop);
  }
  people.check();
  await level(world, 'level after the last sales');
  const isDone = async (): Promise<boolean> => {
    await turn(world);
    const selling = world.shops.filter(({ isRevoked }) => !isRevoked);
    if (selling.some(({ isSelling }) => !isSelling)) {
      return false;
    }
    for (const shop of selling) {
      await retry(world, shop);
    }
    const open = await Promise.all(selling.map((shop) => undelivered(shop, people)));
    return open.every((count) => count === 0);
  };
  if (!(await world.until(PRINT_LIMIT_MS, isDone, 5_000))) {
    throw new Finding('2, 27, 33: receipts are neither printed nor delivered after an hour');
  }
  // What was printed meanwhile has to travel, too; then the desks of the branches look once more at what came together.
  await level(world, 'level after printing');
  // What is applied only now may be a reason to pay a debt or to give rights back: the chain is quiet when that has travelled, too.
  for (const node of world.nodes.filter(({ isRevoked }) => !isRevoked)) {
    await world.within(`${node.name} applying`, node.node.settle());
  }
  await world.clock.advance(DESK_ROUND_MS);
  await level(world, 'level after the last look of all desks');
}

/** Ends and starts what wants it. */
async function turn(world: World): Promise<void> {
  await endWhatEnds(world);
  for (const machine of world.machines) {
    if (!machine.isUp) {
      await begin(world, machine);
    }
  }
}

async function level(world: World, words: string): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    await turn(world);
    return isLevel(world);
  };
  if (!(await world.until(LEVEL_LIMIT_MS, isThere, 1_000))) {
    throw new Finding(`2: not ${words} after ${LEVEL_LIMIT_MS / 60_000} min\n  ${lag(world)}`);
  }
}

/** Somebody looks at what the operator refused, and has it sent again. */
async function retry(world: World, shop: Shop): Promise<void> {
  const { items } = await shop.services.outbox.quarantine({ limit: 10 });
  for (const { id } of items) {
    const request = {
      key: `retry-${id}-${world.timeMs}`,
      fingerprint: id,
      till: { till: 'T1', role: 'manager' },
    };
    world.count('refused document sent again');
    await world
      .within('a retry', shop.services.outbox.retry(id, { ...request, body: {} } as never))
      .catch(() => undefined);
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
