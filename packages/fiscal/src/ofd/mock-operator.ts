/**
 * `MockOperator`: what an operator of fiscal data answers, without a network. `MockOfd` puts it on TCP; a simulation speaks with it
 * through `link`.
 *
 * Its signs are visibly fake (`FAKE_OPERATOR_SIGN`): a real storage refuses them, as it must; only the emulated one takes
 * them. Nothing it says has any legal meaning.
 *
 * Guarantees: keeps a ledger of every document it processed (number of copies, acknowledgements, SHA-256 of the body); the same
 * number with another body is a conflict and counted; a repeated document is acknowledged again, because repeating is the
 * storage's only way to ask what became of it. Faults apply by rule, first match first, each a number of times or for ever.
 */
import { createHash } from 'node:crypto';
import type { Clock, Timer } from 'hlc-ts';
import { concatBytes } from '../bytes.ts';
import { FiscalError } from '../errors.ts';
import { encodeDocument } from '../ffd/document.ts';
import type { TagInput } from '../ffd/tag.ts';
import { hexOfBytes } from '../hex.ts';
import { ACKNOWLEDGEMENT_FORM, RESPONSE_ACCEPTED } from './acknowledgement.ts';
import { type Container, decodeContainer, encodeContainer } from './container.ts';
import type { OfdLink } from './pump.ts';
import { decodeSession, encodeSession, type SessionHeader } from './session-header.ts';
import { SessionReader } from './session-reader.ts';
import { ANSWER_LIMIT_MS } from './tcp-link.ts';

export const MOCK_RULES_MAX = 256;
/** Documents remembered; beyond, new ones are refused by closing the connection. */
export const MOCK_LEDGER_MAX = 100_000;

/** Eighteen bytes that say what they are. */
export const FAKE_OPERATOR_SIGN: Uint8Array = new TextEncoder().encode('BRANCHLINE FAKE FP');
const FAKE_MESSAGE_SIGN = new TextEncoder().encode('FAKE OFD');
const FAKE_OPERATOR_INN = '0000000000';

export type OfdBehaviour =
  | { readonly kind: 'accept' }
  /** Tag 1022: 11 not recognised, 14 faulty but received; with bits of tag 1206. */
  | { readonly kind: 'refuse'; readonly code: number; readonly messageBits?: number }
  /** Takes the message and never says anything. */
  | { readonly kind: 'hang' }
  /** Closes at once, after the message, or after it was processed but before the answer. */
  | { readonly kind: 'drop'; readonly at: 'connect' | 'message' | 'answer' }
  /** Answers with noise, in these words where any are given, or with half an answer. */
  | { readonly kind: 'garbage'; readonly text?: string }
  | { readonly kind: 'truncate' }
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** One byte per segment. */
  | { readonly kind: 'split' }
  /** The answer twice. */
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'wrong-fn' }
  | { readonly kind: 'wrong-fd' }
  | { readonly kind: 'wrong-crc' };

export interface OfdRule {
  readonly behaviour: OfdBehaviour;
  /** How often it applies; for ever when left out. */
  readonly times?: number;
  /** Only for this storage, only for this document. A rule about `connect` knows neither. */
  readonly fn?: string;
  readonly fd?: number;
}

export interface LedgerEntry {
  readonly fn: string;
  readonly fd: number;
  readonly form: number;
  readonly sha256: string;
  /** Times it arrived. */
  readonly seen: number;
  /** Times an acknowledgement was sent. */
  readonly acknowledged: number;
}

export interface MockOperatorState {
  readonly notice: string;
  readonly documents: number;
  readonly connections: number;
  readonly conflicts: number;
  /** Documents that arrived for the first time after a later one of their storage. */
  readonly disordered: number;
  /** Connections refused for want of room, and messages that were no messages. */
  readonly refused: number;
  readonly malformed: number;
  readonly rules: readonly OfdRule[];
}

export interface MockOperatorOptions {
  readonly clock: Clock;
  readonly rules?: readonly OfdRule[];
  /** Documents to remember; `MOCK_LEDGER_MAX` when left out. */
  readonly ledgerMax?: number;
  /** What to do where no rule applies; to accept when left out. Faults by chance go here. */
  readonly otherwise?: (fn: string, fd: number) => OfdBehaviour;
}

/** One connection, as the operator sees it. */
export interface OperatorLine {
  write(bytes: Uint8Array): void;
  /** Writes, then closes. */
  end(bytes: Uint8Array): void;
  destroy(): void;
}

interface ActiveRule {
  readonly rule: OfdRule;
  left: number;
}

const ACCEPT: OfdBehaviour = { kind: 'accept' };
const NOISE = 'HTTP/1.1 400 Bad Request\r\n\r\nnothing of the kind'.repeat(2);

export class MockOperator {
  readonly #options: MockOperatorOptions;
  readonly #timers = new Set<Timer>();
  readonly #ledger = new Map<string, LedgerEntry>();
  readonly #latestFd = new Map<string, number>();
  #rules: ActiveRule[] = [];
  #connections = 0;
  #conflicts = 0;
  #disordered = 0;
  #refused = 0;
  #malformed = 0;

  constructor(options: MockOperatorOptions) {
    this.#options = options;
    for (const rule of options.rules ?? []) this.script(rule);
  }

  get ledger(): readonly LedgerEntry[] {
    return [...this.#ledger.values()];
  }

  get state(): MockOperatorState {
    return {
      notice: 'MOCK operator of fiscal data: signs are fake and mean nothing',
      documents: this.#ledger.size,
      connections: this.#connections,
      conflicts: this.#conflicts,
      disordered: this.#disordered,
      refused: this.#refused,
      malformed: this.#malformed,
      rules: this.#rules.map(({ rule }) => rule),
    };
  }

  entry(fn: string, fd: number): LedgerEntry | undefined {
    return this.#ledger.get(ledgerKey(fn, fd));
  }

  /** Adds a rule behind the others. */
  script(rule: OfdRule): void {
    if (this.#rules.length >= MOCK_RULES_MAX) {
      throw new FiscalError('OFD_TOO_LARGE', `more than ${MOCK_RULES_MAX} rules`);
    }
    this.#rules.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY });
  }

  /** Back to accepting; connections that hang go on hanging. */
  clearRules(): void {
    this.#rules = [];
  }

  /** Answers that are still to be given are not. */
  close(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** Somebody connects: what takes the bytes that come, or undefined when nobody is let in. */
  connect(line: OperatorLine, hasRoom: boolean): ((bytes: Uint8Array) => void) | undefined {
    this.#connections += 1;
    const isDropped =
      this.#takeRule(({ behaviour: b }) => b.kind === 'drop' && b.at === 'connect') !== undefined;
    if (!hasRoom || isDropped) {
      if (!hasRoom) this.#refused += 1;
      return undefined;
    }
    const reader = new SessionReader();
    let isAnswered = false;
    return (bytes) => {
      if (isAnswered) return;
      try {
        const message = reader.push(bytes);
        if (message === undefined) return;
        isAnswered = true;
        this.#process(line, message);
      } catch (error) {
        if (!(error instanceof FiscalError)) throw error;
        this.#malformed += 1;
        line.destroy();
      }
    };
  }

  /** A way to it in memory, for a caller with that clock. */
  link(clock: Clock): OfdLink {
    return { exchange: (message, { signal }) => this.#converse(clock, message, signal) };
  }

  #converse(clock: Clock, message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const reader = new SessionReader();
      const settle = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', abort);
      };
      const fail = (code: 'OFD_CLOSED_EARLY' | 'OFD_TIMEOUT', detail: string): void => {
        settle();
        reject(new FiscalError(code, detail, { retryable: true }));
      };
      const abort = (): void => {
        settle();
        reject(signal.reason);
      };
      const timer = clock.setTimer(ANSWER_LIMIT_MS, () => fail('OFD_TIMEOUT', 'the mock operator hangs'));
      signal.addEventListener('abort', abort);
      const write = (bytes: Uint8Array): void => {
        try {
          const answer = reader.push(bytes);
          if (answer !== undefined) {
            settle();
            resolve(answer);
          }
        } catch (error) {
          settle();
          reject(error);
        }
      };
      const destroy = (): void => fail('OFD_CLOSED_EARLY', 'the mock operator closed');
      const end = (bytes: Uint8Array): void => {
        write(bytes);
        destroy();
      };
      const take = this.connect({ write, end, destroy }, true);
      if (take === undefined) destroy();
      else take(message);
    });
  }

  #process(line: OperatorLine, message: Uint8Array): void {
    const { session, body } = decodeSession(message);
    const container = decodeContainer(body);
    const { fn, fd } = container.header;
    if (session.fn !== fn)
      throw new FiscalError('OFD_CONTAINER_INVALID', `session ${session.fn}, container ${fn}`);
    const behaviour = this.#behaviourFor(fn, fd);
    if (behaviour.kind === 'drop' && behaviour.at !== 'answer') {
      line.destroy();
      return;
    }
    if (behaviour.kind === 'hang') return;
    if (!this.#record(container)) {
      this.#refused += 1;
      line.destroy();
      return;
    }
    this.#answer(line, session, container, behaviour);
  }

  #answer(line: OperatorLine, session: SessionHeader, container: Container, behaviour: OfdBehaviour): void {
    const nowSeconds = Math.floor(this.#options.clock.nowMs() / 1000);
    const answer = acknowledge(session, container, behaviour, nowSeconds);
    const send = (bytes: Uint8Array): void => {
      this.#countAcknowledgement(container);
      line.end(bytes);
    };
    switch (behaviour.kind) {
      case 'drop':
      case 'hang':
        line.destroy();
        break;
      case 'garbage':
        line.end(Buffer.from(behaviour.text ?? NOISE, 'latin1'));
        break;
      case 'truncate':
        line.end(answer.subarray(0, answer.length >> 1));
        break;
      case 'slow': {
        const timer = this.#options.clock.setTimer(behaviour.delayMs, () => {
          this.#timers.delete(timer);
          send(answer);
        });
        this.#timers.add(timer);
        break;
      }
      case 'split':
        this.#countAcknowledgement(container);
        for (const byte of answer) line.write(Uint8Array.of(byte));
        line.end(new Uint8Array());
        break;
      case 'duplicate':
        send(concatBytes([answer, answer]));
        break;
      case 'accept':
      case 'refuse':
      case 'wrong-fn':
      case 'wrong-fd':
      case 'wrong-crc':
        send(answer);
        break;
      default:
        behaviour satisfies never;
    }
  }

  #behaviourFor(fn: string, fd: number): OfdBehaviour {
    const found = this.#takeRule(
      (rule) => (rule.fn === undefined || rule.fn === fn) && (rule.fd === undefined || rule.fd === fd),
    );
    return found?.behaviour ?? this.#options.otherwise?.(fn, fd) ?? ACCEPT;
  }

  /** The first rule that fits, used up by one. */
  #takeRule(fits: (rule: OfdRule) => boolean): OfdRule | undefined {
    const active = this.#rules.find(({ rule }) => fits(rule));
    if (active === undefined) return undefined;
    active.left -= 1;
    if (active.left <= 0) this.#rules = this.#rules.filter((other) => other !== active);
    return active.rule;
  }

  #record({ header, body }: Container): boolean {
    const { fn, fd, form } = header;
    const key = ledgerKey(fn, fd);
    const sha256 = createHash('sha256').update(body).digest('hex');
    const earlier = this.#ledger.get(key);
    if (earlier === undefined) {
      if (this.#ledger.size >= (this.#options.ledgerMax ?? MOCK_LEDGER_MAX)) return false;
      const latest = this.#latestFd.get(fn) ?? 0;
      if (fd < latest) this.#disordered += 1;
      this.#latestFd.set(fn, Math.max(fd, latest));
      this.#ledger.set(key, { fn, fd, form, sha256, seen: 1, acknowledged: 0 });
      return true;
    }
    if (earlier.sha256 !== sha256) this.#conflicts += 1;
    this.#ledger.set(key, { ...earlier, seen: earlier.seen + 1 });
    return true;
  }

  #countAcknowledgement({ header }: Container): void {
    const key = ledgerKey(header.fn, header.fd);
    const entry = this.#ledger.get(key);
    if (entry !== undefined) this.#ledger.set(key, { ...entry, acknowledged: entry.acknowledged + 1 });
  }
}

/** The answer an operator would give, with signs nobody can take for real. */
export function acknowledge(
  session: SessionHeader,
  { header }: Container,
  behaviour: OfdBehaviour,
  nowSeconds: number,
): Uint8Array {
  const fn = behaviour.kind === 'wrong-fn' ? '9999000000000000' : header.fn;
  const fd = behaviour.kind === 'wrong-fd' ? header.fd + 1 : header.fd;
  const code = behaviour.kind === 'refuse' ? behaviour.code : RESPONSE_ACCEPTED;
  const messageBits = behaviour.kind === 'refuse' ? (behaviour.messageBits ?? 0) : 0;
  const tags: TagInput[] = [
    { tag: 1017, value: FAKE_OPERATOR_INN },
    { tag: 1041, value: fn },
    { tag: 1040, value: fd },
    { tag: 1012, value: nowSeconds },
    { tag: 1068, value: [{ tag: 1022, value: code }] },
    ...(messageBits === 0 ? [] : [{ tag: 1206, value: messageBits }]),
    { tag: 1078, value: FAKE_OPERATOR_SIGN },
  ];
  const document = encodeDocument(ACKNOWLEDGEMENT_FORM, tags, '1.2');
  const container = encodeContainer({
    ...header,
    form: ACKNOWLEDGEMENT_FORM,
    fn,
    fd,
    body: concatBytes([document, FAKE_MESSAGE_SIGN]),
  });
  if (behaviour.kind === 'wrong-crc') container[2] = container[2]! ^ 0xff;
  return encodeSession({ fn, body: container, formatVersion: session.formatVersion });
}

/** Whether an acknowledgement is one of ours: what an emulated storage checks in place of a signature. */
export function isFakeSign(sign: Uint8Array | undefined): boolean {
  return sign !== undefined && hexOfBytes(sign) === hexOfBytes(FAKE_OPERATOR_SIGN);
}

function ledgerKey(fn: string, fd: number): string {
  return `${fn}/${fd}`;
}
