/**
 * What goes wrong, each by name and with its share of a run's steps. A run draws its own share for every fault, often none at
 * all: faults that come together in one run and are absent from the next find more than an even drizzle of everything.
 *
 * What is counted is what struck: a fault of the disk when a call met it, one of a link when a message did, one of the register when
 * the register did it, one of the operator when it answered so.
 */
import type { OfdBehaviour } from '@branchline/fiscal';
import { randomInteger } from 'hlc-ts';
import { isHeldByOffice, isHeldElsewhere } from './level.ts';
import type { Machine } from './machine.ts';
import { Shop } from './shop.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly name: string;
  /** Drawn so much more often than others. */
  readonly weight: number;
  /** Does it, or returns false when there is nothing to do it to. */
  readonly strike: (world: World) => boolean | Promise<boolean>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const JUMPS_MS = [-40 * DAY_MS, -DAY_MS, -HOUR_MS, -1_000, 1_000, HOUR_MS, DAY_MS, 40 * DAY_MS];
const SMALL_CAPACITY_BYTES = 2_000;
/** Share of machines put back in time that come back without a network. */
const ALONE = 0.7;
const SWIZZLE_STEP_MS = 400;

const running = (world: World): readonly Machine[] => world.machines.filter(({ isUp }) => isUp);
const down = (world: World): readonly Machine[] => world.machines.filter(({ isUp }) => !isUp);
const shops = (world: World): readonly Shop[] =>
  world.shops.filter(
    ({ isUp, isSelling, isRevoked, renewal, damage }) =>
      isUp && isSelling && !isRevoked && renewal === undefined && damage === undefined,
  );

function one<Kind extends Machine>(
  name: string,
  among: (world: World) => readonly Kind[],
  act: (machine: Kind, world: World) => undefined | boolean | Promise<undefined | boolean>,
  weight = 1,
): Fault {
  return {
    name,
    weight,
    strike: async (world) => {
      const machines = among(world);
      if (machines.length === 0) {
        return false;
      }
      const machine = world.pick(machines);
      world.say(`${machine.name}: ${name}`);
      return (await act(machine, world)) !== false;
    },
  };
}

function link(name: string, act: (world: World, from: Machine, to: Machine) => void, weight = 1): Fault {
  return {
    name,
    weight,
    strike: (world) => {
      const node = world.pick(world.nodes);
      const other = world.isDirect && world.chance(0.3) && node !== world.office ? world.office : world.relay;
      const [from, to] = world.chance(0.5) ? [node, other] : [other, node];
      world.say(`${from.name} > ${to.name}: ${name}`);
      act(world, from, to);
      return true;
    },
  };
}

function register(name: string, act: (shop: Shop, world: World) => void, weight = 1): Fault {
  return {
    name: `register: ${name}`,
    weight,
    strike: (world) => {
      const fitted = world.shops.filter(({ emulator }) => emulator !== undefined);
      if (fitted.length === 0) {
        return false;
      }
      const shop = world.pick(fitted);
      world.say(`${shop.name}: register: ${name}`);
      act(shop, world);
      return true;
    },
  };
}

/** Planned; it strikes when the register is asked next, most often in the middle of a receipt. */
function reply(fault: string, weight = 1): Fault {
  const plan = register(
    fault,
    ({ emulator }, world) => {
      const command = world.chance(0.4) ? { command: 'close-receipt' } : {};
      emulator?.faults.add([
        { fault: fault as never, skip: randomInteger(world.random, 4), ms: 3_000, ...command },
      ]);
    },
    weight,
  );
  return { ...plan, name: `planned: ${fault}` };
}

function mood(name: string, behaviour: OfdBehaviour): Fault {
  return {
    name: `planned: operator ${name}`,
    weight: 0.6,
    strike: (world) => {
      world.say(`operator: ${name}`);
      world.moods.push(behaviour);
      return true;
    },
  };
}

const rate = (world: World): number => world.pick([0.02, 0.05, 0.2]);

/** The old image may only come back where nothing that was told to a till is on this machine alone. */
async function rollBack(shop: Shop, world: World): Promise<boolean> {
  const { image } = shop;
  if (image === undefined || !isHeldElsewhere(world, shop)) {
    return false;
  }
  await shop.kill();
  await shop.putBack(image);
  shop.image = undefined;
  if (world.chance(ALONE)) {
    // Nobody tells it for a while: it goes on selling where it does not know that it has been.
    for (const { address } of world.machines) {
      world.network.partition(shop.address, address);
    }
  }
  world.forget(shop, image.atMs);
  return true;
}

async function flipBit(shop: Shop, world: World): Promise<boolean> {
  if (!isHeldElsewhere(world, shop)) {
    return false;
  }
  await shop.kill();
  world.forget(shop, world.timeMs);
  const { medium } = shop.disk;
  const files = medium.files().filter((path) => path.endsWith('.journal') || /\d/.test(path));
  const path = world.pick(files);
  const bit = randomInteger(world.random, medium.content(path).byteLength * 8);
  medium.flipBit(path, bit);
  shop.damage = { path, bit };
  return true;
}

/** Power goes, on a disk that may have lied: then nothing may have been on this machine alone. */
async function cutPower(machine: Machine, world: World): Promise<undefined> {
  if (machine.disk.isLying) {
    if (!(machine instanceof Shop) || !isHeldElsewhere(world, machine)) {
      await machine.kill();
      await machine.disk.settle();
      return undefined;
    }
    world.count('power cut on a lying disk');
    world.forget(machine, machine.image!.atMs);
  }
  await machine.cutPower();
  machine.disk.isLying = false;
  return undefined;
}

async function lie(shop: Shop): Promise<undefined> {
  await shop.takeImage();
  shop.disk.isLying = true;
  return undefined;
}

/** The relay's machine burns down; a new one gets the registry from head office and everything else from the shops. */
async function loseRelay(_: Machine, world: World): Promise<boolean> {
  const { relay, office } = world;
  if (!office.isUp || !isHeldByOffice(world)) {
    return false;
  }
  const { store, registry } = office.life;
  const run = await store.read(registry.feed, 1, 1_000_000).catch(() => undefined);
  if (run === undefined) {
    return false;
  }
  await relay.kill();
  relay.place = relay.freshPlace();
  await relay.learn(run);
  return true;
}

/** Somebody walks off with the machine: its key is revoked, and it may go on selling for itself. */
async function steal(shop: Shop, world: World): Promise<boolean> {
  const isAlone = world.shops.filter(({ branch }) => branch === shop.branch).length === 1;
  const isFirst = world.shops.every(({ isRevoked }) => !isRevoked);
  const isLast = world.shops.length === 1;
  if (isLast || !isAlone || !isFirst || !world.relay.isUp || !isHeldElsewhere(world, shop)) {
    return false;
  }
  await shop.kill();
  shop.isRevoked = true;
  const { relay } = world;
  // A relay whose disk fails at this moment has not revoked: asked again when everything is mended.
  await world.within('the revocation', relay.revoke(shop.key)).catch(() => undefined);
  return true;
}

/** Many links stop one after the other and come back in another order. */
async function swizzle(world: World): Promise<boolean> {
  const chosen = world.nodes.filter(() => world.chance(0.7));
  for (const { address } of chosen) {
    world.network.partition(address, world.relay.address);
    await world.clock.advance(randomInteger(world.random, SWIZZLE_STEP_MS));
  }
  const back = [...chosen].sort(() => world.random() - 0.5);
  for (const { address } of back) {
    world.network.heal(address, world.relay.address);
    await world.clock.advance(randomInteger(world.random, SWIZZLE_STEP_MS));
  }
  return chosen.length > 1;
}

export const FAULTS: readonly Fault[] = [
  one('killed', running, (machine) => machine.kill().then(() => undefined)),
  one('power cut', running, cutPower, 2),
  one('LevelDB lost', down, (machine) => machine.loseLevel() as undefined, 5),
  one(
    'planned: EIO',
    running,
    ({ disk }, { random }) => disk.medium.failCall(1 + randomInteger(random, 20), 'EIO') as undefined,
  ),
  one(
    'planned: ENOSPC',
    running,
    ({ disk }, { random }) => disk.medium.failCall(1 + randomInteger(random, 20), 'ENOSPC') as undefined,
  ),
  one(
    'disk full',
    running,
    ({ disk }) => disk.medium.setCapacity(disk.medium.usedBytes + SMALL_CAPACITY_BYTES) as undefined,
  ),
  one('disk emptied', running, ({ disk }) => disk.medium.setCapacity(Number.POSITIVE_INFINITY) as undefined),
  one('disk slow', running, ({ disk }) => {
    disk.isSlow = !disk.isSlow;
    return undefined;
  }),
  one('image taken', shops, (shop) => shop.takeImage().then(() => undefined), 2),
  one('old image put back', shops, rollBack, 4),
  one('disk lies', shops, lie),
  one('bit flipped', shops, flipBit, 0.7),
  one('relay disk lost', (world) => [world.relay], loseRelay),
  one('device stolen', shops, steal, 0.7),
  one('clock jumps', running, (machine, world) => machine.jumpClock(world.pick(JUMPS_MS)) as undefined),
  { name: 'swizzled', weight: 1, strike: swizzle },
  link('partition', ({ network }, { address: a }, { address: b }) => network.partition(a, b)),
  link('one-way partition', ({ network }, { address: a }, { address: b }) =>
    network.partition(a, b, { oneWay: true }),
  ),
  link('heals', ({ network }, { address: a }, { address: b }) => network.heal(a, b), 2),
  link('cut', ({ network }, { address: a }, { address: b }) => network.cut(a, b)),
  link('slow', (world, { address: a }, { address: b }) =>
    world.network.setFaults(a, b, { delayMs: 2_000, jitterMs: 3_000 }),
  ),
  link('loses', (world, { address: a }, { address: b }) =>
    world.network.setFaults(a, b, { lossRate: rate(world) }),
  ),
  link('doubles', (world, { address: a }, { address: b }) =>
    world.network.setFaults(a, b, { duplicateRate: rate(world) }),
  ),
  link('reorders', (world, { address: a }, { address: b }) =>
    world.network.setFaults(a, b, { reorderRate: rate(world) }),
  ),
  link('is itself again', ({ network }, { address: a }, { address: b }) => network.setFaults(a, b, {})),
  reply('lost-request'),
  reply('lost-reply', 2),
  reply('forgotten-reply'),
  reply('late-reply'),
  reply('duplicate-reply'),
  reply('corrupt-reply'),
  reply('corrupt-request'),
  reply('busy'),
  reply('stall'),
  reply('noise'),
  reply('power-cut-before'),
  reply('power-cut-after', 2),
  reply('line-drop'),
  register('paper out', ({ emulator }) => {
    emulator!.device.printer.hasPaper = false;
  }),
  register('paper in', ({ emulator }) => emulator!.device.printer.insertPaper()),
  register('unplugged', ({ emulator }) => emulator!.cutPower(20_000)),
  mood('refuses', { kind: 'refuse', code: 14 }),
  mood('hangs', { kind: 'hang' }),
  mood('drops the message', { kind: 'drop', at: 'message' }),
  mood('drops the answer', { kind: 'drop', at: 'answer' }),
  mood('talks nonsense', { kind: 'garbage' }),
  mood('stops in the middle', { kind: 'truncate' }),
  mood('is slow', { kind: 'slow', delayMs: 8_000 }),
  mood('answers twice', { kind: 'duplicate' }),
  mood('answers for another document', { kind: 'wrong-fd' }),
];

/** What must have struck in many seeds, by the names under which it is counted. */
export const KINDS: readonly string[] = [
  'killed',
  'power cut',
  'LevelDB lost',
  'disk: EIO',
  'disk: ENOSPC',
  'disk: slow sync',
  'disk: sync was a lie',
  'old image put back',
  'bit flipped',
  'relay disk lost',
  'clock jumps',
  'swizzled',
  'partition',
  'one-way partition',
  'cut',
  'slow',
  'message lost',
  'message doubled',
  'message overtaken',
  'register: lost-request',
  'register: lost-reply',
  'register: forgotten-reply',
  'register: late-reply',
  'register: duplicate-reply',
  'register: corrupt-reply',
  'register: corrupt-request',
  'register: busy',
  'register: stall',
  'register: noise',
  'register: power-cut-before',
  'register: power-cut-after',
  'register: line-drop',
  'register: paper out',
  'register: unplugged',
  'operator: refuse',
  'operator: hang',
  'operator: drops at message',
  'operator: drops at answer',
  'operator: garbage',
  'operator: truncate',
  'operator: slow',
  'operator: duplicate',
  'operator: wrong-fd',
];

/** Ways out of trouble that must have been taken. */
export const WAYS_OUT: readonly string[] = [
  'started again',
  'ended by itself',
  'repeated request',
  'replayed answer',
  'torn tail of a journal cut off',
  'index made again from the journal',
  'went on under a new key',
  'diverged history set aside',
];

/** Ends everything that goes wrong, except what must be mended by starting machines. */
export function mend(world: World): void {
  world.network.heal();
  for (const from of world.machines) {
    for (const to of world.machines) {
      world.network.setFaults(from.address, to.address, { delayMs: 5, jitterMs: 20 });
    }
    from.disk.mend();
  }
  for (const { emulator } of world.shops) {
    emulator?.faults.clear();
    emulator?.device.printer.insertPaper();
  }
  world.moods.length = 0;
}
