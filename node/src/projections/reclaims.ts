/** Devices whose rights an operator took back for good, by region and device: `rights-reclaim` entries of a loyalty feed. In memory, from rows. */
import type { WriterId } from '@branchline/feed';
import { eventBodies } from '@branchline/model';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

export interface Reclaim {
  readonly region: string;
  readonly device: WriterId;
  /** Who ordered it; counts only where that is head office. */
  readonly by: WriterId;
  readonly reason: string;
  readonly atMs: number;
}

export class Reclaims implements Projection {
  readonly kinds = ['rights-reclaim'];
  readonly #rows: Rows;
  /** One per device of the chain at most, and orderer. */
  readonly #all = new Map<string, Reclaim>();

  private constructor(rows: Rows) {
    this.#rows = rows;
  }

  static async open(rows: Rows): Promise<Reclaims> {
    const self = new Reclaims(rows);
    const prefix = rowKeys.reclaim('');
    for await (const [key, text] of rows.texts({ after: prefix, below: after(prefix) })) {
      self.#all.set(key, JSON.parse(text) as Reclaim);
    }
    return self;
  }

  apply({ collection, writer, body }: ProjectedEntry): void {
    const [family, region] = collection.split('/');
    if (family !== 'loyalty' || region === undefined) {
      throw new TypeError(`rights are not reclaimed in ${collection}`);
    }
    const { device, reason, atMs } = eventBodies['rights-reclaim'].parse(body);
    const reclaim: Reclaim = { region, device: device as WriterId, by: writer, reason, atMs };
    const key = rowKeys.reclaim(`${region}/${device}/${writer}`);
    this.#all.set(key, reclaim);
    this.#rows.putText(key, JSON.stringify(reclaim));
  }

  all(): Iterable<Reclaim> {
    return this.#all.values();
  }
}
