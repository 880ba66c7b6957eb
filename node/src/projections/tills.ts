/**
 * Tills of this node and the hashes of their tokens. Tokens themselves are shown once and kept nowhere.
 *
 * Looked up on every request, so all of it is in memory: a chain's largest shop has tens of tills.
 */
import { createHash } from 'node:crypto';
import { eventBodies, type TillRole } from '@branchline/model';
import { isoTime, stampMs } from 'hlc-ts';
import type { TillIdentity, TillRow } from '../services.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

/** Tills a node keeps, revoked ones included. */
export const TILLS_MAX = 10_000;

interface StoredTill {
  readonly till: string;
  readonly role: TillRole;
  readonly tokenHash: string;
  readonly revoked: boolean;
  readonly addedAt: string;
}

export class Tills implements Projection {
  readonly kinds = ['till'];
  readonly #rows: Rows;
  readonly #byName = new Map<string, StoredTill>();
  readonly #byHash = new Map<string, StoredTill>();

  private constructor(rows: Rows) {
    this.#rows = rows;
  }

  static async open(rows: Rows): Promise<Tills> {
    const self = new Tills(rows);
    for await (const [, text] of rows.texts({ after: 'k/', below: after('k/') })) {
      self.#keep(JSON.parse(text));
    }
    return self;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.collection !== 'local') {
      return;
    }
    const { till, role, tokenHash, revoked } = eventBodies.till.parse(entry.body);
    const row = { till, role, tokenHash, revoked, addedAt: isoTime(stampMs(entry.hlc)) };
    this.#keep(row);
    this.#rows.putText(rowKeys.till(till), JSON.stringify(row));
  }

  find(token: string): TillIdentity | undefined {
    const row = this.#byHash.get(tokenHash(token));
    return row === undefined || row.revoked ? undefined : { till: row.till, role: row.role };
  }

  get(till: string): TillRow | undefined {
    const row = this.#byName.get(till);
    return row === undefined ? undefined : rowOf(row);
  }

  list(): readonly TillRow[] {
    return [...this.#byName.values()].map(rowOf).sort((a, b) => (a.till < b.till ? -1 : 1));
  }

  get count(): number {
    return this.#byName.size;
  }

  #keep(row: StoredTill): void {
    const earlier = this.#byName.get(row.till);
    if (earlier !== undefined) {
      this.#byHash.delete(earlier.tokenHash);
    }
    this.#byName.set(row.till, row);
    if (!row.revoked) {
      this.#byHash.set(row.tokenHash, row);
    }
  }
}

/** Tokens are 256 random bits, so a plain hash is enough: there is nothing to guess. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function rowOf({ till, role, addedAt, revoked }: StoredTill): TillRow {
  return { till, role, addedAt, revoked };
}
