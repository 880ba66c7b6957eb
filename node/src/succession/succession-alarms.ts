/**
 * What an operator must hear about this device's keys, raised when the node starts and whenever the registry grows.
 *
 *     DEVICE_COPIED        a copy of it was at work; stands while the evidence does, or for COPIED_ALARM_MS without any
 *     SUCCESSION_PENDING   it writes with a key the authority has not confirmed yet: sales are kept here and wait
 *     NUMBERS_CHANGED      the authority has granted another suffix of order numbers than the one used offline
 *     DEVICE_REVOKED       head office has revoked it: it sells, and nobody will know
 */
import { numberPrefix } from '@branchline/model';
import type { Alarms } from '../alarms.ts';
import type { NumberSeries } from '../commit/number-series.ts';
import type { NodePorts } from '../ports.ts';
import { seriesName } from './series-name.ts';

/** How long a copy that left no evidence behind is told about. */
export const COPIED_ALARM_MS = 7 * 24 * 3_600_000;

export const REVOKED_WORDS =
  'this device was revoked by head office: it sells, but nothing it writes from then on counts anywhere else. Ask for a new token';

export function raiseSuccession(options: {
  readonly ports: Pick<NodePorts, 'clock' | 'key' | 'registry' | 'succession'>;
  readonly alarms: Alarms;
  readonly series: NumberSeries;
  readonly isPending: boolean;
}): void {
  const { ports, alarms, series, isPending } = options;
  const raise = (code: string, words: string): void => {
    if (!alarms.has(code)) {
      alarms.raise(code, words);
    }
  };
  const { key, registry, succession } = ports;
  const member = registry.member(key.writer);
  if (succession?.reason === 'copied' && isNews(succession.at, succession.evidence, ports.clock.nowMs())) {
    const where =
      succession.evidence === undefined ? '' : `; its other history is kept in ${succession.evidence}`;
    raise(
      'DEVICE_COPIED',
      `a copy of this device has written a different history; it goes on as ${key.writer} after ${succession.predecessor}${where}`,
    );
  }
  if (isPending) {
    const words = `it writes as ${key.writer}, which head office has not confirmed yet; sales are kept here and wait`;
    raise('SUCCESSION_PENDING', words);
  } else {
    alarms.clear('SUCCESSION_PENDING');
  }
  if (isRevoked(ports)) {
    raise('DEVICE_REVOKED', REVOKED_WORDS);
  }
  if (!isPending && member !== undefined) {
    const granted = seriesName(member, ports);
    const { unconfirmed } = series.name;
    const before = numberPrefix(series.name);
    if (unconfirmed !== undefined) {
      // As was to be: its own until the authority has spoken.
      series.beginAnew(granted);
    } else if (numberPrefix(granted) !== before) {
      series.beginAnew(granted);
      const words = `${before} was taken by another key of this node; numbers go on as ${numberPrefix(granted)}`;
      alarms.raise('NUMBERS_CHANGED', words);
    }
  }
}

/** Revoked itself, or asking in the name of a key that was. */
export function isRevoked({ key, registry }: Pick<NodePorts, 'key' | 'registry'>): boolean {
  const self = registry.member(key.writer);
  const before = self?.predecessor === undefined ? undefined : registry.member(self.predecessor);
  return (
    self?.revocation !== undefined || (!registry.isConfirmed(key.writer) && before?.revocation !== undefined)
  );
}

function isNews(at: string, evidence: string | undefined, nowMs: number): boolean {
  return evidence !== undefined || nowMs - Date.parse(at) < COPIED_ALARM_MS;
}
