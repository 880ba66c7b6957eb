/**
 * How each device was doing over time: a sample every ten seconds of the last hour in memory, one every five minutes of two weeks in the
 * index database. Bounded both ways; losing it loses pictures and nothing else.
 */

import type { DeviceRow } from '@branchline/pages';
import type { Clock } from 'hlc-ts';
import type { Level } from 'level';
import { z } from 'zod';

export const FINE_EVERY_MS = 10_000;
/** An hour of fine samples. */
export const FINE_SAMPLES_MAX = 360;
const COARSE_EVERY_MS = 300_000;
export const COARSE_KEPT_MS = 14 * 86_400_000;
/** Devices with fine samples; a tenant with more shows the coarse ones. */
const DEVICES_MAX = 2_000;

/** Numbers in a row, because there are many: null is not known. */
export const sample = z.tuple([
  z.number().describe('Unix seconds, clock of the relay'),
  z.number().describe('1 = connected'),
  z.number().describe('entries not there yet'),
  z.number().describe('entries not here yet'),
  z.number().describe('seconds behind'),
  z.number().nullable().describe('clock offset in ms'),
  z.number().nullable().describe('free bytes of its disk'),
  z.number().nullable().describe('own entries nobody has confirmed'),
  z.number().nullable().describe('seconds the oldest fiscal document waits'),
]);
export type Sample = z.infer<typeof sample>;

export class FleetHistory {
  readonly #clock: Clock;
  readonly #rows;
  readonly #fine = new Map<string, Sample[]>();
  #coarseMs = Number.NEGATIVE_INFINITY;

  constructor(level: Level, clock: Clock) {
    this.#rows = level.sublevel<string, unknown>('history', { valueEncoding: 'json' });
    this.#clock = clock;
  }

  async run({ rows, signal }: { rows: () => readonly DeviceRow[]; signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      await this.take(rows());
      await this.#clock.sleep(FINE_EVERY_MS, { signal }).catch(() => undefined);
    }
  }

  /** Called every ten seconds with the fleet as it is. */
  async take(rows: readonly DeviceRow[]): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const isCoarse = this.#clock.monotonicMs() - this.#coarseMs >= COARSE_EVERY_MS;
    const puts: { type: 'put'; key: string; value: Sample }[] = [];
    for (const row of rows) {
      if (row.writer === null || row.state === 'revoked') {
        continue;
      }
      const taken = sampleOf(row, nowMs);
      const fine = this.#fine.get(row.writer) ?? [];
      fine.push(taken);
      if (fine.length > FINE_SAMPLES_MAX) {
        fine.shift();
      }
      if (this.#fine.size < DEVICES_MAX) {
        this.#fine.set(row.writer, fine);
      }
      if (isCoarse) {
        puts.push({ type: 'put', key: keyOf(row.writer, nowMs), value: taken });
      }
    }
    if (isCoarse) {
      this.#coarseMs = this.#clock.monotonicMs();
      await this.#rows.batch(puts);
      for (const { key } of puts) {
        const writer = key.slice(0, key.indexOf('/'));
        await this.#rows.clear({ gt: `${writer}/`, lt: keyOf(writer, nowMs - COARSE_KEPT_MS) });
      }
    }
  }

  /** Oldest first; of the last hour every ten seconds, of longer every five minutes. */
  async read(writer: string, sinceMs: number): Promise<readonly Sample[]> {
    const fine = (this.#fine.get(writer) ?? []).filter(([seconds]) => seconds * 1000 >= sinceMs);
    const fineSinceMs = fine.length === 0 ? Number.POSITIVE_INFINITY : fine[0]![0] * 1000;
    const coarse: Sample[] = [];
    for await (const value of this.#rows.values({ gte: keyOf(writer, sinceMs), lt: `${writer}0` })) {
      const parsed = sample.safeParse(value);
      if (parsed.success && parsed.data[0] * 1000 < fineSinceMs) {
        coarse.push(parsed.data);
      }
    }
    return [...coarse, ...fine];
  }
}

function sampleOf(row: DeviceRow, nowMs: number): Sample {
  return [
    Math.floor(nowMs / 1000),
    row.online ? 1 : 0,
    row.lag.entriesThere,
    row.lag.entriesHere,
    Math.round(row.lag.seconds),
    row.clockOffsetMs,
    row.disk?.freeBytes ?? null,
    row.detail?.unsent?.entries ?? null,
    row.oldestUndeliveredFiscalSeconds,
  ];
}

/** Sorts by time; `0` follows `/`. */
function keyOf(writer: string, ms: number): string {
  return `${writer}/${String(Math.max(0, Math.floor(ms))).padStart(14, '0')}`;
}
