/**
 * A device for tests: documents over a source that replays a log of changes, as a node has it over its feeds.
 */
import { systemClock } from 'hlc-ts';
import {
  type ApplyResult,
  type Cell,
  type DocName,
  type DocumentChange,
  Documents,
  type Mutator,
  type OfferedChange,
  type WriterId,
} from '../src/index.ts';

export class Device {
  readonly writer: WriterId;
  /** Durable changes by document, in the order they came. */
  readonly log = new Map<DocName, OfferedChange[]>();
  readonly snapshots = new Map<DocName, Uint8Array>();
  readonly documents: Documents;

  constructor(name: string, limits: { documentsMax?: number; operationsMax?: number } = {}) {
    this.writer = writerNamed(name);
    const source = {
      load: (doc: DocName) =>
        Promise.resolve({ snapshot: this.snapshots.get(doc), changes: this.log.get(doc) ?? [] }),
    };
    this.documents = new Documents({ source, clock: systemClock(), ...limits });
  }

  /** Makes a change, commits it and hands it over for others. */
  async commit(doc: DocName, ...mutators: Mutator[]): Promise<OfferedChange> {
    const change = await this.change(doc, ...mutators);
    this.append(doc, { writer: this.writer, bytes: change.bytes });
    this.documents.settle([change]);
    return { writer: this.writer, bytes: change.bytes };
  }

  /** Makes a change that is not durable yet. */
  async change(doc: DocName, ...mutators: Mutator[]): Promise<DocumentChange> {
    const change = await this.documents.change(doc, this.writer, mutators, { timeMs: 1_700_000_000_000 });
    if (change === undefined) {
      throw new Error('nothing changed');
    }
    return change;
  }

  /** Stores changes of others and applies them. */
  receive(doc: DocName, ...changes: OfferedChange[]): Promise<ApplyResult> {
    this.append(doc, ...changes);
    return this.documents.apply(doc, changes);
  }

  append(doc: DocName, ...changes: OfferedChange[]): void {
    this.log.set(doc, [...(this.log.get(doc) ?? []), ...changes]);
  }
}

export function writerNamed(name: string): WriterId {
  return name.padEnd(16, '2') as WriterId;
}

/** As personal data stands in documents; whoever encrypts is not here. */
export function sealed(text: string): string {
  return `p1.k1.${Buffer.from(text.padEnd(30)).toString('base64url')}`;
}

/** Sorted, so that documents can be compared. */
export async function cellsOf(device: Device, doc: DocName): Promise<Cell[]> {
  return (await device.documents.cells(doc)).sort((a, b) => (a.key < b.key ? -1 : 1));
}

export async function rejection(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('expected a rejection');
}
