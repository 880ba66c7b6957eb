/** An emulated Shtrih-M device and its driver inside one process, on a clock that is turned by hand. */
import { ManualClock } from 'hlc-ts';
import type { Hands, KktUnderTest } from '../../src/kkt/driver-suite.ts';
import { type EmulatorOptions, KktEmulator } from '../../src/kkt/emulator/kkt-emulator.ts';
import { ShtrihServer } from '../../src/kkt/emulator/shtrih-server.ts';
import { ShtrihDriver } from '../../src/kkt/shtrih/driver.ts';
import { drive } from './drive.ts';

export interface KktScene extends KktUnderTest {
  readonly clock: ManualClock;
  readonly emulator: KktEmulator;
  readonly driver: ShtrihDriver;
  /** A second driver on the same device, as after a restart. */
  restart(): ShtrihDriver;
}

export function shtrihScene(protocol: 'v1' | 'v2', options: Omit<EmulatorOptions, 'clock'> = {}): KktScene {
  const clock = new ManualClock();
  const emulator = new KktEmulator({ clock, ...options });
  const server = new ShtrihServer({
    emulator,
    onFailure: (error) => {
      throw error;
    },
  });
  const restart = (): ShtrihDriver => new ShtrihDriver({ openLine: server.openLine(), clock, protocol });
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
