/**
 * The emulated device speaking Pirit, over TCP, a serial line or memory. As the real one it answers a command when it is done,
 * paper and all; meanwhile it answers ENQ.
 */
import type { ByteLine, OpenLine } from '../byte-line.ts';
import { PIRIT_COMMANDS, piritCommandOf } from '../pirit/commands.ts';
import { ACK, ENQ, encodeAnswer, type PiritBody, PiritFrameReader, readRequest } from '../pirit/frame.ts';
import { serialLine } from '../serial-line.ts';
import { deliver } from './answer-delivery.ts';
import type { KktEmulator } from './kkt-emulator.ts';
import { memoryLine } from './memory-line.ts';
import { PiritCommands, type PiritOutcome } from './pirit-commands.ts';
import { type EmulatorServer, listenLines, type ServeOptions } from './shtrih-server.ts';

const PASSWORD = 'PIRI';
const PAPER_OUT = 0x08;
const PASSWORD_WRONG = 0x06;
const DAMAGED = 0x07;
/** What "still printing" of fault scripts is called here. */
const NOT_READY = 0x09;
const STILL_PRINTING = 0x50;
const PRINT_WAITS_MAX = 1_000;

export class PiritServer {
  readonly #options: ServeOptions;
  readonly #commands: PiritCommands;

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#commands = new PiritCommands(options.emulator.device);
  }

  serve(line: ByteLine, isSerial = false): void {
    new PiritPort(line, this.#commands, this.#options).start(isSerial);
  }

  openLine(): OpenLine {
    return async () => {
      const [host, device] = memoryLine();
      this.serve(device);
      return host;
    };
  }

  listen(host: string, port: number): Promise<EmulatorServer> {
    return listenLines(host, port, (line) => this.serve(line));
  }

  async listenSerial(path: string, baudRate = 57_600): Promise<EmulatorServer> {
    const line = await serialLine({ path, baudRate })({});
    this.serve(line, true);
    return { address: path, port: 0, close: () => line.close() };
  }
}

class PiritPort {
  readonly #line: ByteLine;
  readonly #commands: PiritCommands;
  readonly #emulator: KktEmulator;
  readonly #onFailure: (error: unknown) => void;
  #frames = new PiritFrameReader();
  #session: { leave(): void } | undefined;

  constructor(line: ByteLine, commands: PiritCommands, { emulator, onFailure }: ServeOptions) {
    this.#line = line;
    this.#commands = commands;
    this.#emulator = emulator;
    this.#onFailure = onFailure;
  }

  start(isSerial: boolean): void {
    this.#line.start({
      onBytes: (bytes) => this.#take(bytes),
      onClose: () => this.#session?.leave(),
    });
    const forget = (): void => {
      this.#frames = new PiritFrameReader();
      this.#commands.forget();
    };
    this.#session = isSerial ? this.#emulator.attach(forget) : this.#emulator.join(this.#line, forget);
    if (this.#session === undefined) void this.#line.close();
  }

  #take(bytes: Uint8Array): void {
    if (!this.#emulator.isOn) return;
    for (const byte of bytes) {
      const body = this.#frames.push(byte);
      if (body !== undefined) this.#serve(body).catch(this.#onFailure);
      else if (byte === ENQ) this.#line.send(Uint8Array.of(ACK));
    }
  }

  async #serve(body: PiritBody): Promise<void> {
    const { clock, faults, era } = this.#emulator;
    const { password, id, command, fields } = readRequest(body);
    const name = piritCommandOf(command, fields);
    const encode = ({ error, fields: answer }: PiritOutcome): Uint8Array =>
      encodeAnswer({ id, command, error, fields: error === 0 ? answer : [] });
    const refuse = (error: number): void => this.#line.send(encode({ error, fields: [] }));
    if (faults.takeOnly('lost-request', name ?? '')) return;
    if (!body.isIntact || faults.takeOnly('corrupt-request', name ?? '')) {
      refuse(DAMAGED);
      return;
    }
    if (password !== PASSWORD) {
      refuse(PASSWORD_WRONG);
      return;
    }
    let outcome: PiritOutcome = { error: 0, fields: [] };
    const kind = name === undefined ? 'read' : PIRIT_COMMANDS[name].kind;
    const delivery = await this.#emulator.perform(
      name ?? 'unknown',
      kind,
      () => {
        outcome = this.#commands.answer(command, fields);
        return new Uint8Array();
      },
      (error) => {
        outcome = { error: error === STILL_PRINTING ? NOT_READY : error, fields: [] };
        return new Uint8Array();
      },
    );
    if (delivery === undefined) return;
    if (kind !== 'read') await this.#waitForPaper(era);
    if (era !== this.#emulator.era) return;
    const isUnprinted = kind === 'register' && outcome.error === 0 && this.#commands.isUnfinished;
    const frame = encode(isUnprinted ? { error: PAPER_OUT, fields: [] } : outcome);
    await deliver(frame, delivery.faults, {
      clock,
      send: (bytes) => this.#line.send(bytes),
      isCurrent: () => era === this.#emulator.era,
      forget: () => undefined,
    });
  }

  async #waitForPaper(era: number): Promise<void> {
    const { clock, device } = this.#emulator;
    for (let waits = 0; waits < PRINT_WAITS_MAX && era === this.#emulator.era; waits += 1) {
      if (device.printer.state(clock.monotonicMs()) !== 'printing') return;
      await clock.sleep(Math.max(1, device.printer.stripMs / 4));
    }
  }
}
