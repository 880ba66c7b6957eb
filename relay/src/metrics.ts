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
}

const GAUGES: readonly (readonly [name: string, help: string, source: keyof MetricSources])[] = [
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
