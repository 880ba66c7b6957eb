/**
 * The fleet, live: `GET /v1/fleet` once, `GET /v1/events` from then on. A stream that breaks is begun again, with the whole fleet
 * read anew, because an event may have been missed. Listeners are told at most once per picture of the screen.
 */
import { type ProgramApi, Refused } from '../kit/program-api.ts';
import type { DeviceRow, Happening, RelaySummary } from './fleet-types.ts';
import { keyOf } from './trouble.ts';

const RETRY_MS = 1_500;
const HAPPENINGS_MAX = 200;

export interface Fleet {
  readonly link: 'opening' | 'live' | 'away' | 'refused';
  readonly relay: RelaySummary | undefined;
  readonly rows: readonly DeviceRow[];
  /** Latest first. */
  readonly happenings: readonly Happening[];
  readonly changedMs: number;
}

export class FleetSource {
  readonly #api: ProgramApi;
  readonly #stop = new AbortController();
  readonly #rows = new Map<string, DeviceRow>();
  readonly #listeners = new Set<(fleet: Fleet) => void>();
  #happenings: readonly Happening[] = [];
  #relay: RelaySummary | undefined;
  #link: Fleet['link'] = 'opening';
  #isDue = false;

  constructor(api: ProgramApi) {
    this.#api = api;
  }

  watch(listener: (fleet: Fleet) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        // The stream first: what happens while the fleet is read must not be lost.
        const stream = await this.#api.open('/v1/events', { signal: this.#stop.signal });
        await this.refresh();
        this.#link = 'live';
        this.#tell();
        await this.#follow(stream);
      } catch (error) {
        if (error instanceof Refused && error.status === 401) {
          this.#link = 'refused';
          this.#tell();
          return;
        }
      }
      if (!this.#stop.signal.aborted) {
        this.#link = 'away';
        this.#tell();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async refresh(): Promise<void> {
    const { relay, branches } = await this.#api.call<{ relay: RelaySummary; branches: DeviceRow[] }>(
      '/v1/fleet',
    );
    this.#relay = relay;
    this.#rows.clear();
    for (const row of branches) {
      this.#rows.set(keyOf(row), row);
    }
    this.#tell();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(stream: Response): Promise<void> {
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      const blocks = (text + value).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = block.split('\n').find((line) => line.startsWith('data: '));
        if (data !== undefined) {
          this.#take(JSON.parse(data.slice(6)));
        }
      }
    }
  }

  #take(event: Happening & { readonly devices?: readonly DeviceRow[] }): void {
    if (event.type === 'fleetChanged') {
      for (const row of event.devices ?? []) {
        if (row.writer !== null) {
          this.#rows.delete(`${row.branch}/invited`);
        }
        this.#rows.set(keyOf(row), row);
      }
    } else {
      this.#happenings = [event, ...this.#happenings].slice(0, HAPPENINGS_MAX);
    }
    this.#tell();
  }

  #tell(): void {
    if (this.#isDue) {
      return;
    }
    this.#isDue = true;
    // A page in the background is drawn too, only later.
    setTimeout(() => {
      this.#isDue = false;
      const fleet = {
        link: this.#link,
        relay: this.#relay,
        rows: [...this.#rows.values()],
        happenings: this.#happenings,
        changedMs: Date.now(),
      };
      for (const listener of this.#listeners) {
        listener(fleet);
      }
    }, 16);
  }
}
