/**
 * Who may use the operator's calls: the admin token printed by `init`, the control token of the running process, and tokens made here.
 *
 * A token has a name and a role: `view` reads everything the console shows, `operate` may also invite, revoke and rotate. A token is in
 * the answer that made it and nowhere else; its hash is kept. The admin token cannot be revoked here, so nobody locks everybody out.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isoTime } from 'hlc-ts';
import { z } from 'zod';
import type { DataFolder } from './data-folder.ts';
import { RelayError } from './errors.ts';

/** Tokens that stand at once, revoked ones not counted. */
export const OPERATORS_MAX = 64;
const TOKEN_BYTES = 32;
/** Name of the token `init` printed, in the audit log. */
export const ADMIN = 'admin';

export const operatorRole = z.enum(['view', 'operate']);
export type OperatorRole = z.infer<typeof operatorRole>;

export const operatorRequest = z.strictObject({
  name: z
    .string()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} _.@-]{0,31}$/u, 'must be 1 to 32 letters, digits, _ . @ -'),
  role: operatorRole,
});
export type OperatorRequest = z.infer<typeof operatorRequest>;

export interface Operator {
  readonly name: string;
  readonly role: OperatorRole;
}

interface Kept extends Operator {
  readonly tokenHash: string;
  readonly addedAt: string;
}

export interface OperatorsOptions {
  readonly folder: DataFolder;
  /** Those that are not made here. */
  readonly fixed: readonly (Operator & { readonly tokenHash: string })[];
  readonly nowMs: () => number;
}

export class Operators {
  readonly #options: OperatorsOptions;
  #made: readonly Kept[];
  /** Changes one after another: two at once must not lose one. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: OperatorsOptions, made: readonly Kept[]) {
    this.#options = options;
    this.#made = made;
  }

  static async open(options: OperatorsOptions): Promise<Operators> {
    return new Operators(options, await options.folder.readOperators());
  }

  find(token: string): Operator | undefined {
    const hash = tokenHash(token);
    const found = [...this.#options.fixed, ...this.#made].find((known) => sameHash(known.tokenHash, hash));
    return found && { name: found.name, role: found.role };
  }

  list(): readonly (Operator & { readonly addedAt: string })[] {
    return this.#made.map(({ name, role, addedAt }) => ({ name, role, addedAt }));
  }

  async add({ name, role }: OperatorRequest): Promise<Operator & { readonly token: string }> {
    return await this.#inTurn(async () => {
      if ([...this.#options.fixed, ...this.#made].some((known) => known.name === name)) {
        throw new RelayError('OPERATOR_EXISTS', `there is a token named ${name}`, {
          hint: 'Choose another name, or revoke that one first.',
        });
      }
      if (this.#made.length >= OPERATORS_MAX) {
        throw new RelayError('OPERATOR_EXISTS', `${OPERATORS_MAX} tokens stand already`, {
          hint: 'Revoke those nobody uses.',
        });
      }
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const addedAt = isoTime(this.#options.nowMs());
      await this.#keep([...this.#made, { name, role, tokenHash: tokenHash(token), addedAt }]);
      return { name, role, token };
    });
  }

  async revoke(name: string): Promise<void> {
    await this.#inTurn(async () => {
      const left = this.#made.filter((known) => known.name !== name);
      if (left.length === this.#made.length) {
        throw new RelayError('OPERATOR_UNKNOWN', `there is no token named ${name} that was made here`);
      }
      await this.#keep(left);
    });
  }

  async #keep(made: readonly Kept[]): Promise<void> {
    await this.#options.folder.writeOperators(made);
    this.#made = made;
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
