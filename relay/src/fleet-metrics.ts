/**
 * The fleet page for Prometheus: one series per device and fact, read from the same rows. Most branches stand behind a router that lets
 * nobody in, so what alarms need of them comes through the relay, as they said it last.
 *
 * Names branches, and is therefore for operators only (`GET /v1/fleet/metrics`, role view), other than `/metrics`. Ages are measured
 * here, on one clock. Revoked and succeeded devices have no series: nobody waits for them.
 */

import type { DeviceRow } from '@branchline/pages';
import { Gauge, Registry } from 'prom-client';

type Fact = (row: DeviceRow, nowMs: number) => number | null | undefined;

const FACTS: readonly (readonly [name: string, help: string, fact: Fact])[] = [
  ['online', 'Whether it is connected', (row) => (row.online ? 1 : 0)],
  ['silent_seconds', 'How long it has not been connected; 0 while it is', silentSeconds],
  ['missing_there_entries', 'Entries it has not confirmed', ({ lag }) => lag.entriesThere],
  ['missing_here_entries', 'Entries it has written and that are not here', ({ lag }) => lag.entriesHere],
  ['lag_seconds', 'How long the oldest entry missing there is here', ({ lag }) => lag.seconds],
  [
    'ready',
    'Whether it can sell',
    ({ detail }) => (detail?.ready === undefined ? null : Number(detail.ready)),
  ],
  ['unsent_entries', 'Own entries nobody has confirmed', ({ detail }) => detail?.unsent?.entries],
  ['unsent_oldest_seconds', 'Age of the oldest of them', ({ detail }) => unsentSeconds(detail)],
  [
    'clock_offset_seconds',
    'Its clock less that of the relay',
    ({ clockOffsetMs }) => (clockOffsetMs === null ? null : clockOffsetMs / 1_000),
  ],
  ['disk_free_bytes', 'Room on its disk', ({ disk }) => disk?.freeBytes],
  ['disk_size_bytes', 'Size of its disk', ({ disk }) => disk?.totalBytes],
  [
    'fiscal_oldest_seconds',
    'Age of its oldest document the operator has not acknowledged',
    (row) => row.oldestUndeliveredFiscalSeconds ?? (row.detail?.fiscal === undefined ? null : 0),
  ],
  ['fiscal_waiting', 'Such documents', ({ detail }) => detail?.fiscal?.documentsWaiting],
  ['receipts_waiting', 'Receipts not registered yet', ({ detail }) => detail?.fiscal?.receiptsWaiting],
  [
    'receipts_undecided',
    'Receipts a person decides about',
    ({ detail }) => detail?.fiscal?.receiptsUndecided,
  ],
  ['fn_days_left', 'Days of the term of its fiscal storage', ({ fnDaysLeft }) => fnDaysLeft],
  ['conflicts', 'Catalog conflicts nobody has decided', ({ detail }) => detail?.conflicts?.total],
  ['quarantined', 'What waits for a person there', ({ detail }) => detail?.quarantine?.total],
];

const LABELS = ['branch', 'node', 'writer'] as const;

export async function fleetMetrics(rows: readonly DeviceRow[], nowMs: number): Promise<string> {
  const registry = new Registry();
  const shown = rows.filter(
    ({ writer, state }) => writer !== null && state !== 'revoked' && state !== 'succeeded',
  );
  const make = <Label extends string>(name: string, help: string, more: readonly Label[]) =>
    new Gauge({
      name: `branchline_branch_${name}`,
      help,
      labelNames: [...LABELS, ...more],
      registers: [registry],
    });
  for (const [name, help, fact] of FACTS) {
    const gauge = make(name, help, []);
    for (const row of shown) {
      const value = fact(row, nowMs);
      if (value !== null && value !== undefined) {
        gauge.set(labelsOf(row), value);
      }
    }
  }
  const alarms = make('alarm', 'Alarms that stand there, by code', ['code']);
  const trouble = make('kkt_trouble', 'What stops its register, by code', ['code']);
  for (const row of shown) {
    for (const { code } of row.alarms) {
      alarms.inc({ ...labelsOf(row), code });
    }
    const code = row.detail?.fiscal?.trouble;
    if (code !== undefined) {
      trouble.set({ ...labelsOf(row), code }, 1);
    }
  }
  return await registry.metrics();
}

function labelsOf({ branch, nodeLetter, writer }: DeviceRow) {
  return { branch, node: nodeLetter, writer: writer ?? '' };
}

function silentSeconds({ online, lastContact }: DeviceRow, nowMs: number): number | null {
  if (online) {
    return 0;
  }
  return lastContact === null ? null : Math.max(0, nowMs - Date.parse(lastContact)) / 1_000;
}

function unsentSeconds(detail: DeviceRow['detail']): number | null {
  const unsent = detail?.unsent;
  return unsent === undefined ? null : (unsent.oldestAgeMs ?? 0) / 1_000;
}
