/**
 * S-15: an emulated cash register as a program, on a TCP port or on one end of a serial line. A test double: its storage numbers
 * begin with 9999, its signs with 0999, and nothing it says has any legal meaning.
 *
 * With `--data` it goes on where it stopped. What it registered in the last moment before it is killed may be lost, as it would
 * never be in a real storage.
 */
import { rename, writeFile } from 'node:fs/promises';
import type { EmulatorJson, KktEmulator } from '@branchline/fiscal';
import { Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import type { CommandContext } from '../command-context.ts';
import { openControl } from '../emulator-control.ts';
import { CliError } from '../errors.ts';
import { readJsonFile } from '../json-file.ts';
import { parseListenAddress } from '../listen-address.ts';
import { programLog } from '../log.ts';
import { runUntilStopped } from '../run-until-stopped.ts';
import { kktStorageCommand } from './kkt-storage.ts';

const NOTICE = 'EMULATED register: storage numbers begin with 9999, nothing is registered with anybody';
type MarkOf = typeof import('@branchline/fiscal').markOfStored;
/** Between two looks at whether there is something new to keep. */
const KEEP_EVERY_MS = 250;
const BAUD_RATE = 115_200;
const POWER_CUT_MS = 2_000;

interface EmulateOptions {
  readonly port: string;
  readonly faults?: string;
  readonly data?: string;
  readonly fn?: string;
  readonly stripMs?: number;
  readonly untilStdinEnds?: boolean;
}

export function kktCommand(context: CommandContext): Command {
  const emulate = new Command('emulate')
    .description('a cash register that is none, with a fiscal storage and faults on order')
    .requiredOption('--port <pty|host:port>', 'where nodes reach it: a serial port, or an address')
    .option('--faults <file>', 'JSON list of faults to begin with')
    .option('--data <file>', 'goes on from this file, and keeps itself there')
    .option('--fn <number>', 'number of its storage, 9999 and twelve digits', parseFn)
    .option('--strip-ms <n>', 'how long its printer takes for a receipt, 300 when left out', parseStripMs)
    .addOption(new Option('--until-stdin-ends', 'stop when whoever started this is gone').hideHelp())
    .action(async (options: EmulateOptions, command: Command) => {
      const { KktEmulator, markOfStored, parseFaults, ShtrihServer } = await import('@branchline/fiscal');
      const { clock, stderr } = context.ports;
      const log = programLog({ stderr }, 'info', 'kkt');
      const faults = options.faults === undefined ? [] : parseFaults(await readJsonFile(options.faults));
      const saved = await readSaved(options.data);
      const emulator = new KktEmulator({
        clock,
        ...(options.fn === undefined ? {} : { fn: options.fn }),
        ...(options.stripMs === undefined ? {} : { stripMs: options.stripMs }),
        ...(saved === undefined ? {} : { saved }),
      });
      emulator.faults.add(faults);
      const server = new ShtrihServer({
        emulator,
        onFailure: (error) => log.error({ err: error }, 'a command failed'),
      });
      const reached = await open(server, options.port);
      const control = await openControl({
        reads: { state: () => stateOf(emulator), documents: () => documentsOf(emulator, markOfStored) },
        script: (rules) => emulator.faults.add(parseFaults(Array.isArray(rules) ? rules : [rules])),
        clear: () => emulator.faults.clear(),
        deeds: deedsOn(emulator),
      });
      const keeper =
        options.data === undefined ? undefined : keep(emulator, options.data, context.ports.clock);
      context.output(command).event({
        event: 'listening',
        url: control.url,
        address: reached.address,
        controlUrl: control.url,
        notice: NOTICE,
      });
      const close = async (): Promise<void> => {
        await control.close();
        await reached.close();
        await keeper?.stop();
      };
      const { untilStdinEnds = false } = options;
      await runUntilStopped(
        { failed: keeper?.failed ?? new Promise(() => {}), close },
        { context, log, untilStdinEnds },
      );
    });
  return new Command('kkt')
    .description('cash registers')
    .addCommand(emulate)
    .addCommand(kktStorageCommand(context));
}

/** Nobody shall take it for a real one. */
function parseFn(text: string): string {
  if (!/^9999\d{12}$/.test(text)) {
    throw new InvalidArgumentError('must be 9999 and twelve digits');
  }
  return text;
}

function parseStripMs(text: string): number {
  const ms = Number(text);
  if (!/^\d{1,5}$/.test(text)) {
    throw new InvalidArgumentError('must be milliseconds, up to 99999');
  }
  return ms;
}

async function open(
  server: InstanceType<typeof import('@branchline/fiscal').ShtrihServer>,
  port: string,
): Promise<{ readonly address: string; close(): Promise<void> }> {
  try {
    if (/[^/]:\d{1,5}$/.test(port)) {
      const { host, port: number } = parseListenAddress(port);
      return await server.listen(host, number);
    }
    const { serialLine } = await import('@branchline/fiscal');
    const line = await serialLine({ path: port, baudRate: BAUD_RATE })({});
    server.serve(line, true);
    return { address: port, close: () => line.close() };
  } catch (cause) {
    throw new CliError('EMULATOR_LISTEN', `cannot listen on ${port}: ${(cause as Error).message}`, {
      cause,
      hint: 'Name a free HOST:PORT, or one end of a pair of serial ports.',
    });
  }
}

async function readSaved(file: string | undefined): Promise<EmulatorJson | undefined> {
  if (file === undefined) {
    return undefined;
  }
  try {
    return (await readJsonFile(file)) as EmulatorJson;
  } catch (error) {
    // The first start: there is nothing to go on from.
    if ((error as { cause?: { code?: string } }).cause?.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function stateOf({ device, faults, isOn }: KktEmulator): object {
  const { storage, printer, cashMinor } = device;
  return {
    notice: NOTICE,
    isOn,
    fn: storage.fn,
    lastFd: storage.lastFd,
    shift: storage.shift,
    undelivered: storage.unacknowledged.length,
    hasPaper: printer.hasPaper,
    isCoverOpen: printer.isCoverOpen,
    cashMinor,
    faultsWaiting: faults.waiting,
    faultsFired: faults.fired,
  };
}

/** `mark`: what the node that wanted the document knows it by. */
function documentsOf({ device }: KktEmulator, markOf: MarkOf): object[] {
  const { documents, registration } = device.storage;
  return documents.map((document) => {
    const { fd, fp, form, atSeconds, settlement, totalMinor, ticket } = document;
    const mark = markOf(document, registration.ffd);
    return { fd, fp, form, atSeconds, settlement, totalMinor, mark, isAcknowledged: ticket !== undefined };
  });
}

/** What a person, or bad luck, does to the device. */
function deedsOn(emulator: KktEmulator): Record<string, (body: unknown) => void> {
  const { printer } = emulator.device;
  const cut = z.strictObject({ ms: z.int().min(0).optional() }).optional();
  return {
    'paper-out': () => {
      printer.hasPaper = false;
    },
    'paper-in': () => printer.insertPaper(),
    'cover-open': () => {
      printer.isCoverOpen = true;
    },
    'cover-close': () => {
      printer.isCoverOpen = false;
    },
    'power-cut': (body) => {
      const parsed = cut.safeParse(body);
      if (!parsed.success) {
        throw new CliError('CONFIG_INVALID', 'a power cut takes { "ms": NUMBER }');
      }
      emulator.cutPower(parsed.data?.ms ?? POWER_CUT_MS);
    },
    'swap-storage': () => emulator.swapStorage(),
    'restore-storage': () => emulator.restoreStorage(),
  };
}

/** Keeps the device in a file whenever it has registered, delivered or moved cash; at the latest when it stops. */
function keep(emulator: KktEmulator, file: string, clock: CommandContext['ports']['clock']) {
  const stop = new AbortController();
  let kept = '';
  const save = async (): Promise<void> => {
    const text = JSON.stringify(emulator.toJson());
    if (text !== kept) {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
      kept = text;
    }
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await save();
      await clock.sleep(KEEP_EVERY_MS, { signal: stop.signal }).catch(() => undefined);
    }
    await save();
  };
  const running = run();
  return {
    failed: new Promise<Error>((resolve) => {
      running.catch(resolve);
    }),
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}
