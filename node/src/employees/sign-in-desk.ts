/**
 * Employees at the tills of this node: signing in with a PIN, and the tokens that come of it.
 *
 * Guarantees: a token is for one person at one till; it ends with the till's own token, when the person is changed or may not work here any
 * more, after `SIGN_IN_IDLE_MS` without use, after `SIGN_IN_MS` in any case, and with the process. Tries are counted before they are
 * made, per person and per till, and a wrong PIN answers like an unknown person. Who signed in and out, and where somebody was
 * locked out, stands in the feed `local`. Nothing here needs a network.
 */
import { createHash } from 'node:crypto';
import {
  type Employee,
  type EmployeePut,
  type EventBody,
  ProblemError,
  type SignedIn,
  type SignInRequest,
} from '@branchline/model';
import { type Clock, isoTime } from 'hlc-ts';
import type { Alarms } from '../alarms.ts';
import type { CommitPipeline } from '../commit/commit-pipeline.ts';
import type { Transaction } from '../commit/transaction.ts';
import type { Tills } from '../projections/tills.ts';
import { tokenHash } from '../projections/tills.ts';
import type { TillIdentity, WriteAnswer, WriteRequest } from '../services.ts';
import { changeEmployee } from '../use-cases/change-employee.ts';
import type { Trade } from '../use-cases/trade.ts';
import { EMPLOYEES, type EmployeeBook, type KnownEmployee, worksAt } from './employee-book.ts';
import { type Attempts, NO_ATTEMPTS, stepTried, waitMs } from './pin-attempts.ts';
import { hashPin, isPin, type PinHash, SALT_BYTES } from './pin-hash.ts';

export const SIGN_IN_IDLE_MS = 15 * 60_000;
export const SIGN_IN_MS = 12 * 3_600_000;
/** Tokens at once; the one idle longest goes first. */
export const SIGN_INS_MAX = 500;
/** Wrong tries before somebody, or a till, is locked. */
export const WRONG_OF_EMPLOYEE_MAX = 5;
export const WRONG_OF_TILL_MAX = 15;
/** Names whose tries are remembered; the oldest are forgotten. */
export const ATTEMPTS_REMEMBERED_MAX = 5_000;
/** PINs being checked at once: each takes 16 MiB and a thread. */
export const PIN_CHECKS_MAX = 4;
const TOKEN_BYTES = 32;
const PIN_ALARM = 'PIN_LOCKED';

export interface EmployeeService {
  /** Those who may sign in here; at head office all. */
  list(): readonly Employee[];
  put(id: string, request: WriteRequest<EmployeePut>): Promise<WriteAnswer<Employee>>;
  /** `PIN_WRONG`, `PIN_LOCKED`. */
  signIn(till: TillIdentity, request: SignInRequest): Promise<SignedIn>;
  /** Whoever has signed in as this identity. */
  signOut(till: TillIdentity): Promise<void>;
}

export interface SignInOptions {
  readonly branch: string;
  readonly employees: EmployeeBook;
  readonly tills: Tills;
  readonly trade: Trade;
  readonly pipeline: CommitPipeline;
  /** An operation of the node itself. */
  readonly commit: (append: (transaction: Transaction) => void) => Promise<void>;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly alarms: Pick<Alarms, 'raise' | 'clearAbout'>;
}

interface SignIn {
  readonly identity: TillIdentity & { readonly employee: Pick<Employee, 'id' | 'name'> };
  /** What was known of the person then. */
  readonly by: string;
  readonly endsMs: number;
  seenMs: number;
}

export class SignInDesk implements EmployeeService {
  readonly #options: SignInOptions;
  /** In order of last use. */
  readonly #signIns = new Map<string, SignIn>();
  readonly #attempts = new Map<string, Attempts>();
  /** Checked for people nobody knows: they cost as much. */
  readonly #nobody: Promise<PinHash>;
  #checks = 0;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#nobody = hashPin('0', options.randomBytes(SALT_BYTES));
  }

  list(): readonly Employee[] {
    const { employees, branch, trade } = this.#options;
    const all = employees.list();
    return trade.mayWrite(EMPLOYEES) ? all : all.filter((one) => worksAt(one, branch));
  }

  async put(id: string, request: WriteRequest<EmployeePut>): Promise<WriteAnswer<Employee>> {
    const { employees, trade, pipeline, randomBytes } = this.#options;
    const { pin, ...rest } = request.body;
    const hash = pin === undefined ? undefined : await hashPin(pin, randomBytes(SALT_BYTES));
    // What is kept of the request must not give the PIN away: it goes in as dear as the PIN itself is kept.
    const told =
      pin === undefined ? '' : Buffer.from((await hashPin(pin, saltOf(request.key))).hash).toString('hex');
    const fingerprint = createHash('sha256')
      .update(JSON.stringify(['employee', id, rest, told]))
      .digest('hex');
    return await pipeline.submit({ ...request, fingerprint }, (transaction) =>
      changeEmployee(trade, employees, transaction, id, rest, hash),
    );
  }

  async signIn({ till }: TillIdentity, { employee: id, pin }: SignInRequest): Promise<SignedIn> {
    const { clock, employees, branch } = this.#options;
    this.#begin(id, till);
    const person = employees.get(id);
    const isRight = await this.#check(pin, person);
    if (!isRight || person === undefined || !worksAt(person, branch)) {
      await this.#refuse(id, till);
      throw new ProblemError('PIN_WRONG', 'Nobody here has this id and this PIN.');
    }
    this.#attempts.delete(`employee ${id}`);
    this.#attempts.delete(`till ${till}`);
    this.#options.alarms.clearAbout(id, PIN_ALARM);
    await this.#say({ event: 'in', person: person.id, till });
    return this.#admit(person, till, clock.monotonicMs());
  }

  async signOut({ till, employee }: TillIdentity): Promise<void> {
    if (employee === undefined) {
      throw new ProblemError('CHANGE_INVALID', 'Nobody has signed in with this token.');
    }
    for (const [hash, { identity }] of this.#signIns) {
      if (identity.till === till && identity.employee.id === employee.id) {
        this.#signIns.delete(hash);
      }
    }
    await this.#say({ event: 'out', person: employee.id as Employee['id'], till });
  }

  /** Called on every request whose token is no till's; undefined when it is over. */
  find(token: string): TillIdentity | undefined {
    const { clock, employees, tills, branch } = this.#options;
    const hash = tokenHash(token);
    const found = this.#signIns.get(hash);
    if (found === undefined) {
      return undefined;
    }
    const { identity, by, endsMs, seenMs } = found;
    const nowMs = clock.monotonicMs();
    const person = employees.get(identity.employee.id);
    const isOver =
      nowMs >= endsMs ||
      nowMs - seenMs >= SIGN_IN_IDLE_MS ||
      person?.by !== by ||
      !worksAt(person, branch) ||
      tills.get(identity.till)?.revoked !== false;
    if (isOver) {
      this.#signIns.delete(hash);
      return undefined;
    }
    return identity;
  }

  /** Called with a token that was just used for something. */
  seen(token: string): void {
    const hash = tokenHash(token);
    const found = this.#signIns.get(hash);
    if (found !== undefined) {
      found.seenMs = this.#options.clock.monotonicMs();
      this.#signIns.delete(hash);
      this.#signIns.set(hash, found);
    }
  }

  /** Counts the try before it is made; throws while either is locked. */
  #begin(id: string, till: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    const names = [
      [`employee ${id}`, WRONG_OF_EMPLOYEE_MAX],
      [`till ${till}`, WRONG_OF_TILL_MAX],
    ] as const;
    for (const [name] of names) {
      const leftMs = waitMs(this.#attempts.get(name) ?? NO_ATTEMPTS, nowMs);
      if (leftMs > 0) {
        const retryAfterSeconds = Math.ceil(leftMs / 1_000);
        throw new ProblemError('PIN_LOCKED', `Wrong PINs: wait ${retryAfterSeconds} s.`, {
          retryAfterSeconds,
        });
      }
    }
    if (this.#checks >= PIN_CHECKS_MAX) {
      throw new ProblemError('OVERLOADED', `${PIN_CHECKS_MAX} PINs are being checked.`, {
        retryAfterSeconds: 1,
      });
    }
    for (const [name, limit] of names) {
      const before = this.#attempts.get(name) ?? NO_ATTEMPTS;
      this.#attempts.delete(name);
      this.#attempts.set(name, stepTried(before, limit, nowMs));
    }
    for (const [oldest] of this.#attempts) {
      if (this.#attempts.size <= ATTEMPTS_REMEMBERED_MAX) {
        break;
      }
      this.#attempts.delete(oldest);
    }
  }

  async #check(pin: string, person: KnownEmployee | undefined): Promise<boolean> {
    this.#checks += 1;
    try {
      return await isPin(pin, person?.pin ?? (await this.#nobody));
    } finally {
      this.#checks -= 1;
    }
  }

  async #refuse(id: string, till: string): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    const isLocked = waitMs(this.#attempts.get(`employee ${id}`) ?? NO_ATTEMPTS, nowMs) > 0;
    if (isLocked && this.#options.employees.get(id) !== undefined) {
      this.#options.alarms.raise(PIN_ALARM, `wrong PINs of ${id} at till ${till}: locked for a while`, id);
      await this.#say({ event: 'locked', person: id as Employee['id'], till });
    }
  }

  #admit(person: KnownEmployee, till: string, nowMs: number): SignedIn {
    const { clock, randomBytes } = this.#options;
    const token = Buffer.from(randomBytes(TOKEN_BYTES)).toString('base64url');
    const { id, name, role } = person;
    this.#signIns.set(tokenHash(token), {
      identity: { till, role, employee: { id, name } },
      by: person.by,
      endsMs: nowMs + SIGN_IN_MS,
      seenMs: nowMs,
    });
    const [longestIdle] = this.#signIns.keys();
    if (this.#signIns.size > SIGN_INS_MAX && longestIdle !== undefined) {
      this.#signIns.delete(longestIdle);
    }
    return {
      token,
      till: till as SignedIn['till'],
      employee: { id, name },
      role,
      expiresAt: isoTime(clock.nowMs() + SIGN_IN_MS),
      idleSeconds: SIGN_IN_IDLE_MS / 1_000,
    };
  }

  async #say({
    event,
    person,
    till,
  }: {
    event: 'in' | 'out' | 'locked';
    person: Employee['id'];
    till: string;
  }) {
    const body: EventBody<'sign-in'> = {
      event,
      person,
      at: till as EventBody<'sign-in'>['at'],
    };
    await this.#options.commit((transaction) => transaction.append('local', 'sign-in', body));
  }
}

function saltOf(key: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(key).digest().subarray(0, SALT_BYTES));
}
