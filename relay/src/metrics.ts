/** Prometheus metrics of one relay. Gauges are read when they are asked for, so nothing has to keep them up to date. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export interface MetricSources {
  readonly connections: () => number;
  readonly halfOpen: () => number;
  readonly devices: () => number;
  readonly devicesOnline: () => number;
  readonly feeds: () => number;
  readonly position: () => number;
  readonly lagEntries: () => number;
  readonly lagSecondsMax: () => number;
  readonly feedsForked: () => number;
  readonly alarms: () => number;
  readonly listeners: () => number;
  readonly auditIntact: () => number;
  /** Read from the disk; undefined where there is nothing to tell. */
  readonly folder: () => Promise<Readonly<Record<(typeof FOLDER_GAUGES)[number][0], number | undefined>>>;
}

const FOLDER_GAUGES = [
  ['disk_free_bytes', 'Room on the disk of the data'],
  ['disk_size_bytes', 'Size of the disk of the data'],
  ['backup_age_seconds', 'Since the last `branchline backup`, or since the folder was made'],
  ['disk_failure_age_seconds', 'Since the program ended itself because its disk failed'],
  [
    'verify_age_seconds',
    'Since `branchline verify` last found everything right, or since the folder was made',
  ],
  ['verify_failed', 'Whether the last `branchline verify` found something wrong'],
] as const;

const GAUGES: readonly (readonly [
  name: string,
  help: string,
  source: Exclude<keyof MetricSources, 'folder'>,
])[] = [
  ['connections', 'Open device connections', 'connections'],
  ['half_open', 'Connections that have not proved who they are yet', 'halfOpen'],
  ['devices', 'Enrolled devices that are not revoked', 'devices'],
  ['devices_online', 'Devices connected now', 'devicesOnline'],
  ['feeds', 'Feeds held', 'feeds'],
  ['store_position', 'Position of the last durable commit', 'position'],
  ['lag_entries', 'Entries held here that devices have not acknowledged, summed over devices', 'lagEntries'],
  ['lag_seconds_max', 'Age of the oldest such entry', 'lagSecondsMax'],
  ['feeds_forked', 'Feeds with two histories: devices that were copied', 'feedsForked'],
  ['device_alarms', 'Alarms that stand, summed over devices', 'alarms'],
  ['event_listeners', 'Listeners on the event stream', 'listeners'],
  ['audit_intact', 'Whether every line of the audit log follows from the one before', 'auditIntact'],
];

export class Metrics {
  readonly #registry = new Registry();
  readonly #refusals: Counter<'code'>;
  readonly #commits: Counter;
  readonly #entries: Counter;

  constructor(sources: MetricSources) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    for (const [name, help, source] of GAUGES) {
      new Gauge({
        name: `branchline_relay_${name}`,
        help,
        registers,
        collect() {
          this.set(sources[source]());
        },
      });
    }
    for (const [name, help] of FOLDER_GAUGES) {
      new Gauge({
        name: `branchline_relay_${name}`,
        help,
        registers,
        async collect() {
          const value = (await sources.folder())[name];
          this.reset();
          if (value === undefined) {
            this.remove();
          } else {
            this.set(value);
          }
        },
      });
    }
    const counter = (name: string, help: string) =>
      new Counter({ name: `branchline_relay_${name}`, help, registers });
    this.#commits = counter('commits_total', 'Commits made durable');
    this.#entries = counter('entries_total', 'Entries made durable');
    this.#refusals = new Counter({
      name: 'branchline_relay_refusals_total',
      help: 'Peers turned away, by code',
      labelNames: ['code'],
      registers,
    });
    // A count that begins with its first refusal would hide it from `increase()`.
    for (const code of [
      'PEER_UNKNOWN',
      'PEER_REVOKED',
      'TENANT_MISMATCH',
      'VERSION_MISMATCH',
      'AUTH_FAILED',
    ]) {
      this.#refusals.inc({ code }, 0);
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  committed(entries: number): void {
    this.#commits.inc();
    this.#entries.inc(entries);
  }

  refused(code: string): void {
    this.#refusals.inc({ code });
  }
}
