/**
 * One line to the emulated device, speaking Shtrih-M: the first byte that makes sense decides for one of the two protocols.
 *
 * Device side of the first: ENQ is answered by NAK when idle, by ACK when an answer waits or is being prepared, and the
 * answer follows once more; it is kept until it is acknowledged. Of the second: the number after the last one is carried
 * out, any other brings the last answer again.
 */
import type { ByteLine } from '../byte-line.ts';
import { COMMANDS, commandIn } from '../shtrih/commands.ts';
import { ACK, checksumV1, ENQ, encodeFrameV1, NAK, STX } from '../shtrih/frame-v1.ts';
import { encodeFrameV2, type FrameV2, FrameV2Reader } from '../shtrih/frame-v2.ts';
import { deliver } from './answer-delivery.ts';
import type { Delivery, KktEmulator } from './kkt-emulator.ts';
import type { ShtrihCommands } from './shtrih-commands.ts';

/** A frame whose bytes are further apart is given up. */
export const BYTE_GAP_MS = 100;
const START_V2 = 0x8f;
const NUMBERS = 0x10000;

export class ShtrihPort {
  readonly #emulator: KktEmulator;
  readonly #commands: ShtrihCommands;
  readonly #line: ByteLine;
  readonly #onFailure: (error: unknown) => void;
  #protocol: 'v1' | 'v2' | undefined;
  #frame: number[] | undefined;
  #frames = new FrameV2Reader();
  #pending: Uint8Array | undefined;
  #isWorking = false;
  #lastByteMs = 0;
  readonly #isSerial: boolean;
  #session: { leave(): void } | undefined;

  constructor(
    line: ByteLine,
    options: {
      readonly emulator: KktEmulator;
      readonly commands: ShtrihCommands;
      /** A cable, not a connection: it stays when power goes. */
      readonly isSerial?: boolean;
      /** Called when serving a command fails for a fault of the emulator's own. */
      readonly onFailure: (error: unknown) => void;
    },
  ) {
    this.#line = line;
    this.#emulator = options.emulator;
    this.#commands = options.commands;
    this.#onFailure = options.onFailure;
    this.#isSerial = options.isSerial ?? false;
  }

  start(): void {
    this.#line.start({
      onBytes: (bytes) => this.#take(bytes),
      onClose: () => this.#session?.leave(),
    });
    const forget = (): void => this.#forget();
    this.#session = this.#isSerial ? this.#emulator.attach(forget) : this.#emulator.join(this.#line, forget);
    if (this.#session === undefined) void this.#line.close();
  }

  /** Power was lost. */
  #forget(): void {
    this.#protocol = undefined;
    this.#frame = undefined;
    this.#frames = new FrameV2Reader();
    this.#pending = undefined;
    this.#isWorking = false;
    this.#commands.forget();
  }

  #take(bytes: Uint8Array): void {
    const nowMs = this.#emulator.clock.monotonicMs();
    if (!this.#emulator.isOn) return;
    if (nowMs - this.#lastByteMs > BYTE_GAP_MS) this.#frame = undefined;
    this.#lastByteMs = nowMs;
    for (const byte of bytes) this.#takeByte(byte);
  }

  #takeByte(byte: number): void {
    if (this.#protocol === undefined && (byte === ENQ || byte === STX)) this.#protocol = 'v1';
    if (this.#protocol === undefined && byte === START_V2) this.#protocol = 'v2';
    if (this.#protocol === 'v1') this.#takeV1(byte);
    if (this.#protocol === 'v2') this.#takeV2(byte);
  }

  // ── first protocol ──

  #takeV1(byte: number): void {
    if (this.#frame !== undefined) {
      this.#frame.push(byte);
      const length = this.#frame[0]!;
      if (this.#frame.length === length + 2) this.#endFrame(Uint8Array.from(this.#frame));
      return;
    }
    if (byte === STX) this.#frame = [];
    if (byte === ACK) this.#pending = undefined;
    if (byte !== ENQ) return;
    if (this.#isWorking) {
      this.#line.send(Uint8Array.of(ACK));
      return;
    }
    this.#line.send(Uint8Array.of(this.#pending === undefined ? NAK : ACK));
    if (this.#pending !== undefined) this.#line.send(this.#pending);
  }

  #endFrame(frame: Uint8Array): void {
    this.#frame = undefined;
    const message = frame.slice(1, -1);
    const isIntact = frame.at(-1) === checksumV1(message);
    const { name } = commandIn(message);
    if (!isIntact || this.#isWorking || this.#arrivesDamaged(name)) {
      this.#line.send(Uint8Array.of(NAK));
      return;
    }
    if (this.#emulator.faults.takeOnly('lost-request', name ?? '')) return;
    this.#pending = undefined;
    this.#line.send(Uint8Array.of(ACK));
    this.#serve(message, (delivery) => {
      const answer = encodeFrameV1(delivery.answer);
      this.#pending = answer;
      return answer;
    });
  }

  #arrivesDamaged(name: string | undefined): boolean {
    return this.#emulator.faults.takeOnly('corrupt-request', name ?? '');
  }

  // ── second protocol ──

  #takeV2(byte: number): void {
    const frame = this.#frames.push(byte);
    if (frame === undefined || frame === 'corrupt' || this.#isWorking) return;
    const { lastAnswer } = this.#emulator;
    if (frame.number === undefined || frame.number !== (lastAnswer.number + 1) % NUMBERS) {
      this.#line.send(
        lastAnswer.frame ?? encodeFrameV2({ number: lastAnswer.number, message: new Uint8Array() }),
      );
      return;
    }
    const { name } = commandIn(frame.message);
    if (this.#arrivesDamaged(name) || this.#emulator.faults.takeOnly('lost-request', name ?? '')) return;
    this.#serveV2(frame, frame.number);
  }

  #serveV2(frame: FrameV2, number: number): void {
    this.#serve(frame.message, (delivery) => {
      const answer = encodeFrameV2({ number, message: delivery.answer });
      this.#emulator.lastAnswer = { number, frame: answer };
      return answer;
    });
  }

  #serve(message: Uint8Array, encode: (delivery: Delivery) => Uint8Array): void {
    const { era, clock } = this.#emulator;
    const { name, code } = commandIn(message);
    this.#isWorking = true;
    const head = code > 0xff ? [0xff, code & 0xff] : [code];
    const work = async (): Promise<void> => {
      const delivery = await this.#emulator.perform(
        name ?? 'unknown',
        name === undefined ? 'read' : COMMANDS[name].kind,
        () => this.#commands.answer(message),
        (deviceCode) => Uint8Array.from([...head, deviceCode]),
      );
      if (era !== this.#emulator.era) return;
      this.#isWorking = false;
      if (delivery === undefined) return;
      await deliver(encode(delivery), delivery.faults, {
        clock,
        send: (bytes) => this.#line.send(bytes),
        isCurrent: () => era === this.#emulator.era,
        forget: () => {
          this.#pending = undefined;
          this.#emulator.lastAnswer = { number: 0, frame: undefined };
        },
      });
    };
    work().catch(this.#onFailure);
  }
}
