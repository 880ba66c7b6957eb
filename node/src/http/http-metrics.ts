/**
 * `/metrics`: Prometheus text of the edge's own counts and of what the node's services report.
 *
 * Services hand in samples whose values are read at the scrape; they become gauges and counters of their own names, so
 * dashboards of the replaced system (`kkt_…`) and new ones (`branchline_…`) read the same page. Label values come from route names
 * and codes, never from requests: the number of series is bounded by the program.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricSample, NodeServices } from '../services.ts';
import type { Route } from './route.ts';

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
/** Names the services may report under; more are a mistake of the program. */
const NAMES_MAX = 500;

export interface RouteMeter {
  observe(status: number, seconds: number): void;
}

export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #services: NodeServices;
  readonly #seconds: Histogram;
  readonly #problems: Counter;
  readonly #reported = new Map<string, Gauge | Counter>();

  constructor(services: NodeServices, options: { process: boolean }) {
    this.#services = services;
    const registers = [this.#registry];
    this.#seconds = new Histogram({
      name: 'branchline_http_request_seconds',
      help: 'Time from the headers of a request to its answer',
      labelNames: ['route', 'status'],
      buckets: SECONDS,
      registers,
    });
    this.#problems = new Counter({
      name: 'branchline_http_problems_total',
      help: 'Refused and failed requests by problem code',
      labelNames: ['code'],
      registers,
    });
    if (options.process) {
      collectDefaultMetrics({ register: this.#registry });
    }
  }

  /** Called once per route; what it returns is called on every request. */
  meterOf(route: Route): RouteMeter {
    const byStatus = new Map<number, { observe(seconds: number): void }>();
    return {
      observe: (status, seconds) => {
        let child = byStatus.get(status);
        if (child === undefined) {
          child = this.#seconds.labels(route.name, String(status));
          byStatus.set(status, child);
        }
        child.observe(seconds);
      },
    };
  }

  countProblem(code: string): void {
    this.#problems.inc({ code });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    const samples = this.#services.metrics();
    const told = new Set(samples.map(({ name }) => name));
    for (const [name, metric] of this.#reported) {
      if (told.has(name)) {
        metric.reset();
      } else {
        // Nobody can tell it now: its last value would be a lie.
        this.#registry.removeSingleMetric(name);
        this.#reported.delete(name);
      }
    }
    for (const sample of samples) {
      const metric = this.#metricOf(sample);
      // Both kinds start from nothing at every scrape: the service owns the count.
      metric?.inc(sample.labels ?? {}, sample.value);
    }
    return this.#registry.metrics();
  }

  #metricOf(sample: MetricSample): Gauge | Counter | undefined {
    const known = this.#reported.get(sample.name);
    if (known !== undefined) {
      return known;
    }
    if (this.#reported.size >= NAMES_MAX || this.#registry.getSingleMetric(sample.name) !== undefined) {
      return undefined;
    }
    const words = {
      name: sample.name,
      help: sample.help,
      labelNames: Object.keys(sample.labels ?? {}),
      registers: [this.#registry],
    };
    const metric = sample.type === 'counter' ? new Counter(words) : new Gauge(words);
    this.#reported.set(sample.name, metric);
    return metric;
  }
}
