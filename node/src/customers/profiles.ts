/**
 * What this node can find customers by: words of their profiles, their phones and addresses, and who was merged into whom. In memory
 * only, from decrypted rows; nothing of it is ever written.
 *
 * Merging: `into` of a row is followed to its end; where rows point round in a ring (two branches merged the same two the other way round) the
 * smallest id of the ring stands for it. The same rows give the same answer on every node.
 */
import { CustomerIndex, type CustomerRow } from '@branchline/docs';
import type { KeyRing } from './key-ring.ts';

export type Personal = Pick<CustomerRow, 'name' | 'phone' | 'email' | 'note'>;

export interface Duplicates {
  readonly by: 'phone' | 'email';
  readonly ids: readonly string[];
}

/** Digits of a number as people write it: `8 (900)…` and `+7 900…` are one. Empty for what is too short to be one. */
export function comparablePhone(phone: string): string {
  const digits = phone.replaceAll(/\D/g, '');
  if (digits.length === 11 && digits.startsWith('8')) {
    return `7${digits.slice(1)}`;
  }
  return digits.length === 10 ? `7${digits}` : digits.length < 7 ? '' : digits;
}

export function comparableEmail(email: string): string {
  return email.trim().toLowerCase();
}

export class Profiles {
  readonly #keys: KeyRing;
  readonly #index = new CustomerIndex();
  readonly #ids = { phone: new Map<string, Set<string>>(), email: new Map<string, Set<string>>() };
  readonly #contacts = new Map<string, { readonly phone: string; readonly email: string }>();
  readonly #into = new Map<string, string>();
  readonly #from = new Map<string, Set<string>>();

  constructor(keys: KeyRing) {
    this.#keys = keys;
  }

  /** Opens what is personal in a row; empty where the key is gone or has not come. */
  open(row: CustomerRow): Personal {
    const text = (field: keyof Personal): string => this.#keys.open(row[field], row.id, field) ?? '';
    return { name: text('name'), phone: text('phone'), email: text('email'), note: text('note') };
  }

  /** Called with every row that is new or changed, or whose key came or went. */
  put(row: CustomerRow): void {
    const { id, retired } = row;
    const isGone = this.#keys.isErased(id);
    const { name, phone, email } = this.open(row);
    if (isGone) {
      this.#index.remove(id);
    } else {
      this.#index.put({ id, name, phone, email, retired: retired || row.into !== undefined });
    }
    this.#note(id, isGone ? NOBODY : { phone: comparablePhone(phone), email: comparableEmail(email) });
    this.#merge(id, row.into);
  }

  search(query: string, limit: number): string[] {
    return this.#index.search(query, limit);
  }

  /** Groups of ids with one phone or one e-mail, those that were merged left out; in order of the contact. */
  duplicates(limit: number): Duplicates[] {
    const groups: Duplicates[] = [];
    for (const by of ['phone', 'email'] as const) {
      for (const set of this.#ids[by].values()) {
        const ids = [...new Set(Array.from(set, (id) => this.survivor(id)))].sort();
        if (ids.length > 1) {
          groups.push({ by, ids });
        }
        if (groups.length >= limit) {
          return groups;
        }
      }
    }
    return groups;
  }

  /** Who stands for this id now; itself for one that was never merged. */
  survivor(id: string): string {
    const path: string[] = [];
    let at = id;
    for (let next = this.#into.get(at); next !== undefined; next = this.#into.get(at)) {
      const round = path.indexOf(at);
      if (round >= 0) {
        return path.slice(round).sort()[0]!;
      }
      path.push(at);
      at = next;
    }
    return at;
  }

  /** All ids of a person, the survivor first. */
  groupOf(id: string): string[] {
    const survivor = this.survivor(id);
    const group = new Set([survivor]);
    for (const each of group) {
      for (const from of this.#from.get(each) ?? []) {
        if (this.survivor(from) === survivor) {
          group.add(from);
        }
      }
    }
    return [survivor, ...[...group].filter((each) => each !== survivor).sort()];
  }

  #note(id: string, contact: { readonly phone: string; readonly email: string }): void {
    const before = this.#contacts.get(id);
    for (const by of ['phone', 'email'] as const) {
      if (before !== undefined && before[by] !== contact[by]) {
        this.#ids[by].get(before[by])?.delete(id);
      }
      if (contact[by] !== '') {
        const set = this.#ids[by].get(contact[by]) ?? new Set();
        this.#ids[by].set(contact[by], set.add(id));
      }
    }
    this.#contacts.set(id, contact);
  }

  #merge(id: string, into: string | undefined): void {
    const before = this.#into.get(id);
    if (before !== undefined && before !== into) {
      this.#from.get(before)?.delete(id);
      this.#into.delete(id);
    }
    if (into !== undefined && into !== id) {
      this.#into.set(id, into);
      const set = this.#from.get(into) ?? new Set();
      this.#from.set(into, set.add(id));
    }
  }
}

const NOBODY = { phone: '', email: '' };
