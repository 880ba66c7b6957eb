/** An emulated device and its driver, of whichever family, inside one process, on a clock that is turned by hand. */
import { randomUUID } from 'node:crypto';
import { ManualClock } from 'hlc-ts';
import { AtolDriver } from '../../src/kkt/atol/driver.ts';
import type { KktDriver } from '../../src/kkt/driver.ts';
import type { Hands, KktUnderTest } from '../../src/kkt/driver-suite.ts';
import { AtolServer } from '../../src/kkt/emulator/atol-server.ts';
import { type EmulatorOptions, KktEmulator } from '../../src/kkt/emulator/kkt-emulator.ts';
import { PiritServer } from '../../src/kkt/emulator/pirit-server.ts';
import { ShtrihServer } from '../../src/kkt/emulator/shtrih-server.ts';
import { PiritDriver } from '../../src/kkt/pirit/driver.ts';
import { ShtrihDriver } from '../../src/kkt/shtrih/driver.ts';
import { drive } from './drive.ts';

export interface KktScene extends KktUnderTest {
  readonly clock: ManualClock;
  readonly emulator: KktEmulator;
  /** A second driver on the same device, as after a restart. */
  restart(): KktDriver;
}

export const families = ['v1', 'v2', 'atol', 'pirit'] as const;
/** Shtrih-M over either of its protocols, or another family. */
export type Family = (typeof families)[number];

export function kktScene(family: Family, options: Omit<EmulatorOptions, 'clock'> = {}): KktScene {
  const clock = new ManualClock();
  const emulator = new KktEmulator({ clock, ...options });
  const restart = restartsOf(family, emulator, clock);
  return {
    clock,
    emulator,
    driver: restart(),
    restart,
    drive: (work) => drive(clock, work),
    pass: (ms) => clock.advance(ms),
    hands: handsOf(emulator),
  };
}

function restartsOf(family: Family, emulator: KktEmulator, clock: ManualClock): () => KktDriver {
  const onFailure = (error: unknown): never => {
    throw error;
  };
  if (family === 'atol') {
    const server = new AtolServer({ emulator, onFailure });
    return () => new AtolDriver({ call: server.call(), clock, newUuid: randomUUID });
  }
  if (family === 'pirit') {
    const server = new PiritServer({ emulator, onFailure });
    const wallSeconds = (): number => emulator.device.nowSeconds;
    return () => new PiritDriver({ openLine: server.openLine(), clock, wallSeconds });
  }
  const server = new ShtrihServer({ emulator, onFailure });
  return () => new ShtrihDriver({ openLine: server.openLine(), clock, protocol: family });
}

export interface ShtrihScene extends KktScene {
  readonly driver: ShtrihDriver;
}

export function shtrihScene(
  protocol: 'v1' | 'v2',
  options: Omit<EmulatorOptions, 'clock'> = {},
): ShtrihScene {
  return kktScene(protocol, options) as ShtrihScene;
}

export function handsOf(emulator: KktEmulator): Hands {
  const { printer } = emulator.device;
  return {
    takePaperOut: () => {
      printer.hasPaper = false;
    },
    insertPaper: () => printer.insertPaper(),
    openCover: () => {
      printer.isCoverOpen = true;
    },
    closeCover: () => {
      printer.isCoverOpen = false;
    },
    loseNextCloseAnswer: () => emulator.faults.add([{ fault: 'forgotten-reply', command: 'close-receipt' }]),
  };
}
