/** A relay in a process of its own, as `branchline relay` runs one, with its use of the machine counted. Driven over calls. */
import { NodeDisk } from '@branchline/feed';
import { initRelay, Relay, type RelayPorts, readRelayConfig } from '@branchline/relay';
import { systemClock, systemRandom } from 'hlc-ts';
import { pino } from 'pino';
import { ShiftedClock } from '../fleet/shifted-clock.ts';
import type { RelayOpened, Vector } from '../fleet/words.ts';
import { serveCalls } from '../system/forked.ts';
import { countUsage, usage } from '../system/process-usage.ts';

const POLL_MS = 10;
const CONNECTIONS_MAX = 4_000;

const real = systemClock();
const clock = new ShiftedClock(real);
const ports: RelayPorts = {
  clock,
  random: systemRandom(),
  disk: new NodeDisk(),
  log: pino({ level: 'silent' }),
};
let relay: Relay | undefined;

await countUsage();

function opened(): Relay {
  if (relay === undefined) throw new Error('the relay is not open');
  return relay;
}

function vector(): Vector {
  const feeds: Record<string, number> = {};
  for (const [feed, { head }] of opened().feeds()) feeds[feed] = head.seq;
  return feeds;
}

serveCalls({
  init: async ({ data, tenant, nowMs }: { data: string; tenant: string; nowMs: number }) => {
    clock.moveTo(nowMs);
    return await initRelay(ports, { data, tenant });
  },
  open: async ({
    data,
    listen,
    nowMs,
  }: {
    data: string;
    listen: string;
    nowMs?: number;
  }): Promise<RelayOpened> => {
    clock.moveTo(nowMs ?? real.nowMs());
    const flags = {
      data,
      listen,
      log: 'silent' as const,
      connectionsMax: CONNECTIONS_MAX,
      halfOpenMax: CONNECTIONS_MAX,
      halfOpenPerAddressMax: CONNECTIONS_MAX,
    };
    relay = await Relay.open(ports, readRelayConfig({ environment: {}, flags }));
    return { url: relay.url };
  },
  /** Resolves with the time when everything was on its disk. */
  reach: async ({ target, timeoutMs }: { target: Vector; timeoutMs: number }): Promise<number> => {
    const untilMs = real.monotonicMs() + timeoutMs;
    let left = Object.entries(target);
    for (;;) {
      const feeds = opened().feeds() as ReadonlyMap<string, { head: { seq: number } }>;
      left = left.filter(([feed, seq]) => (feeds.get(feed)?.head.seq ?? 0) < seq);
      if (left.length === 0) return real.nowMs();
      if (real.monotonicMs() > untilMs)
        throw new Error(`${left.length} feeds are not complete, ${left[0]?.[0]}`);
      await real.sleep(POLL_MS);
    }
  },
  vector,
  feeds: (): Record<string, string> =>
    Object.fromEntries(
      [...opened().feeds()].map(([feed, { head }]) => [
        feed,
        `${head.seq}:${Buffer.from(head.hash).toString('hex')}`,
      ]),
    ),
  usage: () => usage(),
  close: async () => {
    await relay?.close();
    relay = undefined;
  },
});
