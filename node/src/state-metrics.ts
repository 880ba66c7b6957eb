/**
 * What alarms need to know of a node besides its counts: the way to the relay, its queues, its disk, its last copy, what stops its
 * register. Read at the scrape from memory; what nobody can tell is left out rather than shown as nothing.
 *
 * Labels come from settings and codes, never from data: the number of series is bounded by the program.
 */
import type { Clock } from 'hlc-ts';
import type { DeliveryQueue } from './delivery/delivery-queue.ts';
import type { FolderMarks } from './files/folder-marks.ts';
import type { DiskSpace } from './ports.ts';
import type { MetricSample } from './services.ts';
import type { Peers } from './sync/peers.ts';

const BREAKERS = { closed: 0, open: 1, 'half-open': 2 } as const;

export interface NodeState {
  readonly clock: Clock;
  readonly mode: string;
  readonly peers: Pick<Peers, 'links' | 'isOpen'>;
  readonly startedMs: number;
  readonly space: DiskSpace | undefined;
  readonly marks: FolderMarks | undefined;
  readonly queues: readonly { readonly name: string; readonly queue: DeliveryQueue | undefined }[];
}

export function stateMetrics(state: NodeState): MetricSample[] {
  return [...relaySamples(state), ...diskSamples(state), ...markSamples(state), ...queueSamples(state)];
}

export function gauge(
  name: string,
  value: number,
  help: string,
  labels?: Readonly<Record<string, string>>,
): MetricSample {
  return { name, type: 'gauge', value, help, ...(labels === undefined ? {} : { labels }) };
}

/** A node that is not to dial misses nobody. */
function relaySamples({ clock, mode, peers, startedMs }: NodeState): MetricSample[] {
  const link = peers.links.find(({ kind }) => kind === 'relay');
  if (link === undefined || mode !== 'hybrid') {
    return [];
  }
  const isConnected = peers.isOpen(link.writer);
  const silentMs = isConnected ? 0 : Math.max(0, clock.nowMs() - (link.lastContactMs ?? startedMs));
  return [
    gauge('branchline_relay_connected', isConnected ? 1 : 0, 'Whether the relay is connected.'),
    gauge(
      'branchline_relay_silent_seconds',
      silentMs / 1_000,
      'How long it has not been, or since the start.',
    ),
  ];
}

function diskSamples({ space }: NodeState): MetricSample[] {
  return space === undefined
    ? []
    : [
        gauge('branchline_disk_free_bytes', space.freeBytes, 'Room on the disk of the data.'),
        gauge('branchline_disk_size_bytes', space.totalBytes, 'Size of the disk of the data.'),
      ];
}

function markSamples({ clock, marks }: NodeState): MetricSample[] {
  const ageSeconds = (atMs: number): number => Math.max(0, clock.nowMs() - atMs) / 1_000;
  return [
    ...(marks?.verifiedMs === undefined
      ? []
      : [
          gauge(
            'branchline_verify_age_seconds',
            ageSeconds(marks.verifiedMs),
            'Since `branchline verify` last found everything right; since the folder was made where it never did.',
          ),
          gauge(
            'branchline_verify_failed',
            marks.verifyFailedMs === undefined ? 0 : 1,
            'Whether the last `branchline verify` found something wrong.',
          ),
        ]),
    ...(marks?.backupMs === undefined
      ? []
      : [
          gauge(
            'branchline_backup_age_seconds',
            ageSeconds(marks.backupMs),
            'Since the last `branchline backup`; since the folder was made where there was none.',
          ),
        ]),
    ...(marks?.failureMs === undefined
      ? []
      : [
          gauge(
            'branchline_disk_failure_age_seconds',
            ageSeconds(marks.failureMs),
            'Since the program ended itself because its disk failed.',
          ),
        ]),
  ];
}

function queueSamples({ queues, clock }: NodeState): MetricSample[] {
  const nowMs = clock.nowMs();
  return queues.flatMap(({ name, queue }) => {
    const report = queue?.lastReport;
    if (report === undefined) {
      return [];
    }
    const labels = { queue: name };
    // The report is of a moment ago, which is long ago while nothing moves: the age goes on.
    const oldestMs = Math.max(
      0,
      ...report.keys.map(({ oldest }) => (oldest === undefined ? 0 : nowMs - oldest.addedMs)),
    );
    const breaker = Math.max(0, ...report.destinations.map(({ breaker: phase }) => BREAKERS[phase]));
    return [
      gauge('branchline_outbox_pending', report.totals.pending, 'Jobs not delivered yet.', labels),
      gauge(
        'branchline_outbox_quarantined',
        report.totals.quarantined,
        'Jobs that wait for a person.',
        labels,
      ),
      gauge(
        'branchline_outbox_oldest_seconds',
        oldestMs / 1_000,
        'Age of the oldest unfinished job.',
        labels,
      ),
      gauge(
        'branchline_outbox_breaker',
        breaker,
        '0 it answers, 1 it does not, 2 it is tried again.',
        labels,
      ),
    ];
  });
}
