/**
 * What goes wrong, each by name and with its share of a run's steps. A run draws its own share for every fault, often none at
 * all: faults that come together in one run and are absent from the next find more than an even drizzle of everything.
 */
import { randomInteger } from 'hlc-ts';
import type { Machine } from './machine.ts';
import type { Shop } from './shop.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly name: string;
  /** Does it, or returns false when there is nothing to do it to. */
  readonly strike: (world: World) => boolean | Promise<boolean>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const JUMPS_MS = [-40 * DAY_MS, -DAY_MS, -HOUR_MS, -1_000, 1_000, HOUR_MS, DAY_MS, 40 * DAY_MS];
const SMALL_CAPACITY_BYTES = 2_000;

const running = (world: World): readonly Machine[] => world.machines.filter(({ isUp }) => isUp);
const down = (world: World): readonly Machine[] => world.machines.filter(({ isUp }) => !isUp);

function one(
  name: string,
  among: (world: World) => readonly Machine[],
  act: (machine: Machine, world: World) => void | Promise<void>,
): Fault {
  return {
    name,
    strike: async (world) => {
      const machines = among(world);
      if (machines.length === 0) {
        return false;
      }
      const machine = world.pick(machines);
      world.say(`${machine.name}: ${name}`);
      await act(machine, world);
      return true;
    },
  };
}

function link(name: string, act: (world: World, from: Machine, to: Machine) => void): Fault {
  return {
    name,
    strike: (world) => {
      const node = world.pick(world.nodes);
      const [from, to] = world.chance(0.5) ? [node, world.relay] : [world.relay, node];
      world.say(`${from.name} > ${to.name}: ${name}`);
      act(world, from, to);
      return true;
    },
  };
}

function register(name: string, act: (shop: Shop, world: World) => void): Fault {
  return {
    name,
    strike: (world) => {
      const shop = world.pick(world.shops);
      world.say(`${shop.name}: ${name}`);
      act(shop, world);
      return true;
    },
  };
}

const reply = (fault: string): Fault =>
  register(`register: ${fault}`, (shop, world) => {
    shop.emulator?.faults.add([{ fault: fault as never, skip: randomInteger(world.random, 6), ms: 3_000 }]);
  });

const rate = (world: World): number => world.pick([0.01, 0.05, 0.2]);

export const FAULTS: readonly Fault[] = [
  one('killed', running, (machine) => machine.kill()),
  one('power cut', running, (machine) => machine.cutPower()),
  one('LevelDB lost', down, (machine) => machine.loseLevel()),
  one('EIO', running, ({ disk }, { random }) => disk.failCall(1 + randomInteger(random, 20), 'EIO')),
  one('ENOSPC once', running, ({ disk }, { random }) =>
    disk.failCall(1 + randomInteger(random, 20), 'ENOSPC'),
  ),
  one('disk full', running, ({ disk }) => disk.setCapacity(disk.usedBytes + SMALL_CAPACITY_BYTES)),
  one('disk emptied', running, ({ disk }) => disk.setCapacity(Number.POSITIVE_INFINITY)),
  one('clock jumps', running, (machine, world) => machine.jumpClock(world.pick(JUMPS_MS))),
  link('partition', ({ network }, { address: a }, { address: b }) => network.partition(a, b)),
  link('one-way partition', ({ network }, { address: a }, { address: b }) =>
    network.partition(a, b, { oneWay: true }),
  ),
  link('heals', ({ network }, { address: a }, { address: b }) => network.heal(a, b)),
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
  reply('lost-reply'),
  reply('forgotten-reply'),
  reply('late-reply'),
  reply('duplicate-reply'),
  reply('corrupt-reply'),
  reply('corrupt-request'),
  reply('busy'),
  reply('stall'),
  reply('noise'),
  reply('power-cut-before'),
  reply('power-cut-after'),
  reply('line-drop'),
  register('register: paper out', ({ emulator }) => {
    emulator!.device.printer.hasPaper = false;
  }),
  register('register: paper in', ({ emulator }) => emulator!.device.printer.insertPaper()),
  register('register: unplugged', ({ emulator }) => emulator!.cutPower(20_000)),
];

/** Ends everything that goes wrong, except what must be mended by starting machines. */
export function mend(world: World): void {
  world.network.heal();
  for (const node of world.nodes) {
    world.network.setFaults(node.address, world.relay.address, { delayMs: 5, jitterMs: 20 });
    world.network.setFaults(world.relay.address, node.address, { delayMs: 5, jitterMs: 20 });
    node.emulator?.faults.clear();
    node.emulator?.device.printer.insertPaper();
  }
  for (const { disk } of world.machines) {
    disk.heal();
    disk.setCapacity(Number.POSITIVE_INFINITY);
  }
}
