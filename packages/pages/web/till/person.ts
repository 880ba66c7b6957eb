/**
 * Who works at this till: kept for this tab of the browser while signed in, so that a reload asks nobody for the PIN again.
 *
 * The token ends at the node; here it is only forgotten. It is never kept beyond the tab, and never beside the till's own.
 */
import type { SignedIn } from '@branchline/model';

const KEY = 'branchline.till.person';

export type Person = Pick<SignedIn, 'token' | 'till' | 'employee' | 'role' | 'idleSeconds'> & {
  /** The till's token it was made with. */
  readonly madeWith: string;
};

/** `sessionStorage` fits. */
export interface TabMemory {
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
  removeItem(key: string): void;
}

/** Whoever signed in under this token of the till, in this tab. */
export function knownPerson(memory: TabMemory, tillToken: string): Person | undefined {
  try {
    const person = JSON.parse(memory.getItem(KEY) ?? 'null') as Person | null;
    return person?.madeWith === tillToken && typeof person.token === 'string' ? person : undefined;
  } catch {
    return undefined;
  }
}

export function keepPerson(memory: TabMemory, tillToken: string, signedIn: SignedIn): Person {
  const { token, till, employee, role, idleSeconds } = signedIn;
  const person: Person = { token, till, employee, role, idleSeconds, madeWith: tillToken };
  memory.setItem(KEY, JSON.stringify(person));
  return person;
}

export function forgetPerson(memory: TabMemory): void {
  memory.removeItem(KEY);
}
