/**
 * Employees of the chain, from entries of the collection `employees` that head office writes: in memory, from rows at start. What was said
 * last of an id counts, by stamp, then by writer.
 */
import { type Employee, type EventBody, eventBodies } from '@branchline/model';
import { formatStamp } from 'hlc-ts';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { after, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';
import type { PinHash } from './pin-hash.ts';

export const EMPLOYEES = 'employees';
/** Ids, former ones included. */
export const EMPLOYEES_MAX = 10_000;

export interface KnownEmployee extends Employee {
  readonly pin: PinHash;
  /** Stamp and writer of what counts: another one means that something changed. */
  readonly by: string;
}

interface StoredEmployee extends Employee {
  readonly by: string;
  /** Salt and hash in base64, and the cost. */
  readonly pin: readonly [salt: string, hash: string, cost: number];
}

export class EmployeeBook implements Projection {
  readonly kinds = ['employee'];
  readonly #rows: Rows;
  readonly #employees = new Map<string, KnownEmployee>();

  private constructor(rows: Rows) {
    this.#rows = rows;
  }

  static async open(rows: Rows): Promise<EmployeeBook> {
    const self = new EmployeeBook(rows);
    const prefix = rowKeys.employee('');
    for await (const [, text] of rows.texts({ after: prefix, below: after(prefix) })) {
      const { pin, ...rest } = JSON.parse(text) as StoredEmployee;
      const [salt, hash, cost] = pin;
      self.#employees.set(rest.id, { ...rest, pin: { salt: bytesOf(salt), hash: bytesOf(hash), cost } });
    }
    return self;
  }

  get(id: string): KnownEmployee | undefined {
    return this.#employees.get(id);
  }

  list(): Employee[] {
    return [...this.#employees.values()]
      .map(publicOf)
      .sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
  }

  get count(): number {
    return this.#employees.size;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.collection !== EMPLOYEES) {
      throw new TypeError(`an employee does not belong to ${entry.collection}`);
    }
    const by = `${formatStamp(entry.hlc)}-${entry.writer}`;
    const known = knownOf(eventBodies.employee.parse(entry.body), by);
    const before = this.#employees.get(known.id);
    if (before === undefined ? this.count >= EMPLOYEES_MAX : before.by >= by) {
      return;
    }
    this.#employees.set(known.id, known);
    const { pin, ...rest } = known;
    const stored: StoredEmployee = { ...rest, pin: [textOf(pin.salt), textOf(pin.hash), pin.cost] };
    this.#rows.putText(rowKeys.employee(known.id), JSON.stringify(stored));
  }
}

/** May this person sign in at the branch? */
export function worksAt({ active, branches }: Employee, branch: string): boolean {
  return active && (branches === undefined || branches.some((one) => one === branch));
}

export function publicOf({ id, name, role, branches, active }: Employee): Employee {
  return { id, name, role, ...(branches === undefined ? {} : { branches }), active };
}

function knownOf(body: EventBody<'employee'>, by: string): KnownEmployee {
  const { id, name, role, branches, active, pin } = body;
  const { salt, hash, cost } = pin;
  return {
    id,
    name,
    role,
    ...(branches === undefined ? {} : { branches }),
    active,
    pin: { salt, hash, cost },
    by,
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
