/**
 * Metrics of the register. Those named `kkt_…` are the ones dashboards of the replaced system read, in its units: percent of a mark
 * of 200 waiting receipts and documents, breaker 0 closed, 1 open, 2 half-open, seconds of the last exchange with the operator,
 * what waits for a person. Memory only.
 */
import type { MetricSample } from '../services.ts';
import { type CountdownFacts, clockDifferenceSeconds, countdowns } from './countdowns.ts';
import type { OutboxHealth } from './outbox-health.ts';

const BREAKER_STATES = { closed: 0, open: 1, 'half-open': 2 } as const;
const LEVELS = { well: 0, notice: 1, urgent: 2, stopped: 3 } as const;
const DAY_MS = 86_400_000;

export interface KktMetricsPort {
  readonly health: OutboxHealth;
  readonly facts: CountdownFacts;
  readonly receiptsWaiting: number;
  /** Receipts in review, uncertain or failed. */
  readonly undecided: number;
}

export function kktMetrics({ health, facts, receiptsWaiting, undecided }: KktMetricsPort): MetricSample[] {
  const gauge = (
    name: string,
    value: number,
    help: string,
    labels?: Record<string, string>,
  ): MetricSample => ({
    name,
    type: 'gauge',
    value,
    help,
    ...(labels === undefined ? {} : { labels }),
  });
  const counted = countdowns(facts);
  const termMs = counted.find(({ what }) => what === 'storage-term')?.leftMs;
  const difference = clockDifferenceSeconds(facts);
  return [
    gauge(
      'kkt_buffer_percent_full',
      health.fillPercent,
      'Receipts and documents that wait, in percent of the mark.',
    ),
    gauge('kkt_buffer_size', receiptsWaiting + health.pending, 'Receipts and documents that wait.'),
    gauge('kkt_buffer_capacity', health.mark, 'The mark that is 100 percent; nothing is refused beyond it.'),
    gauge(
      'kkt_circuit_breaker_state',
      BREAKER_STATES[health.breaker],
      'Way to the operator: 0 closed, 1 open, 2 half-open.',
    ),
    gauge(
      'kkt_sync_duration_seconds',
      health.lastExchangeSeconds ?? 0,
      'How long the operator took to answer last.',
    ),
    gauge('kkt_dlq_size', health.deadLetters + undecided, 'Documents and receipts that wait for a person.'),
    ...(termMs === undefined
      ? []
      : [
          gauge(
            'kkt_fiscal_memory_days_left',
            Math.floor(termMs / DAY_MS),
            'Days of the term of the storage.',
          ),
        ]),
    ...(difference === undefined
      ? []
      : [
          gauge(
            'branchline_kkt_clock_difference_seconds',
            difference,
            'Clock of the register less that of the node.',
          ),
        ]),
    ...counted.map(({ what, level }) =>
      gauge('branchline_kkt_countdown_level', LEVELS[level], '0 well, 1 notice, 2 urgent, 3 stopped.', {
        what,
      }),
    ),
    ...counted.flatMap(({ what, leftMs }) =>
      leftMs === undefined
        ? []
        : [
            gauge('branchline_kkt_countdown_seconds', leftMs / 1_000, 'Until the register stops for it.', {
              what,
            }),
          ],
    ),
  ];
}
