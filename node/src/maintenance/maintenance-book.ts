/**
 * Whether this node is in maintenance, why, and until when: the last word of this device, from entries of `orders/<branch>`.
 *
 *     begun(reason, until) ──▶ on ──ended, or `until` has come──▶ off
 *
 * Each device of a branch speaks for itself: it is its register that is worked on. Whatever is said while it is on takes its place.
 */
import { type EventBody, eventBodies, type Maintenance } from '@branchline/model';
import { isoTime, stampMs } from 'hlc-ts';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';

export interface MaintenanceState {
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly by: string;
}

export class MaintenanceBook implements Projection {
  readonly kinds = ['maintenance'];
  readonly #rows: Rows;
  readonly #writers: ReadonlySet<string>;
  #last: (MaintenanceState & { readonly ended?: boolean }) | undefined;

  private constructor(rows: Rows, writers: ReadonlySet<string>) {
    this.#rows = rows;
    this.#writers = writers;
  }

  /** `writers`: this device under all its keys, oldest first. */
  static async open(rows: Rows, writers: readonly string[]): Promise<MaintenanceBook> {
    const self = new MaintenanceBook(rows, new Set(writers));
    for (const writer of writers.toReversed()) {
      const text = await rows.getText(rowKeys.maintenance(writer));
      if (text !== undefined) {
        self.#last = JSON.parse(text);
        break;
      }
    }
    return self;
  }

  apply(entry: ProjectedEntry): void {
    const body = eventBodies.maintenance.parse(entry.body);
    const row = rowOf(body, stampMs(entry.hlc));
    this.#rows.putText(rowKeys.maintenance(entry.writer), JSON.stringify(row));
    if (this.#writers.has(entry.writer)) {
      this.#last = row;
    }
  }

  /** Undefined when the node works as usual. */
  now(nowMs: number): MaintenanceState | undefined {
    const last = this.#last;
    return last === undefined || last.ended === true || nowMs >= last.untilMs ? undefined : last;
  }
}

function rowOf(body: EventBody<'maintenance'>, sinceMs: number): MaintenanceState & { ended?: boolean } {
  const by = body.employee ?? body.till;
  return body.event === 'begun'
    ? { reason: body.reason, sinceMs, untilMs: body.untilMs, by }
    : { reason: '', sinceMs, untilMs: sinceMs, by, ended: true };
}

export function maintenanceWords({ reason, untilMs }: MaintenanceState): string {
  return `Maintenance until ${isoTime(untilMs)}: ${reason}. Nothing is sold or given back here meanwhile.`;
}

export function maintenanceView(state: MaintenanceState | undefined): Maintenance {
  if (state === undefined) {
    return { isOn: false, words: 'No maintenance is under way.' };
  }
  const { reason, sinceMs, untilMs, by } = state;
  return {
    isOn: true,
    reason,
    since: isoTime(sinceMs),
    until: isoTime(untilMs),
    by,
    words: maintenanceWords(state),
  };
}
