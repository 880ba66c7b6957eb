/**
 * Several nodes in one process, as `branchline node` runs one: each with its own folder, journal, database and HTTP address. Driven by
 * the harness over calls (`fleet/words.ts`).
 */
import { createHash } from 'node:crypto';
import { KktEmulator, ShtrihServer } from '@branchline/fiscal';
import type { CustomerPut } from '@branchline/model';
import { type NodeLog, NodeProgram, readConfig } from '@branchline/node';
import { randomInteger, seededRandom, systemClock, systemRandom } from 'hlc-ts';
import { branchDay, catalogAfter, type Deed, headOfficeDay } from '../fleet/day.ts';
import { branchesOf, FLEET_DEFAULT } from '../fleet/plan.ts';
import { ShiftedClock } from '../fleet/shifted-clock.ts';
import type {
  AskState,
  BranchDay,
  NodeState,
  OpenNode,
  Reach,
  Reached,
  Settled,
  Vector,
} from '../fleet/words.ts';
import { serveCalls } from '../system/forked.ts';
import { countUsage, usage } from '../system/process-usage.ts';

const POLL_MS = 10;
/** Orders in one page of the consolidated list. */
const PAGE = 200;
const TILL = { till: 'T1', role: 'manager' } as const;
/** A register is waited for when this many of its receipts are owed, as a till would. */
const RECEIPTS_WAITING_MAX = 1;
const LEVEL_TIMEOUT_MS = 300_000;
const DAY_AND_NIGHT_MS = 86_400_000;
/** Deeds of a day under way at once, where a year is made. */
const SIDE_BY_SIDE = 8;

interface Held {
  readonly program: NodeProgram;
  readonly clock: ShiftedClock;
  readonly close: () => Promise<void>;
}

const real = systemClock();
const nodes = new Map<string, Held>();
const silent = (): void => {};
const log: NodeLog = { debug: silent, info: silent, warn: silent, error: silent };

await countUsage();

async function open(request: OpenNode): Promise<{ url: string }> {
  const clock = new ShiftedClock(real);
  if (request.nowMs !== undefined) clock.moveTo(request.nowMs);
  const register = request.register === true ? await openRegister(clock) : undefined;
  const { data, relay, token, mode } = request;
  const config = readConfig({
    environment: {},
    flags: {
      data,
      relay,
      listen: '127.0.0.1:0',
      log: 'silent',
      ...(token === undefined ? {} : { token }),
      ...(mode === undefined ? {} : { mode }),
      ...(register === undefined ? {} : { kkt: { address: register.address, protocol: 'v2' as const } }),
    },
  });
  const program = await NodeProgram.open({ clock, random: systemRandom(), log }, config);
  const close = async (): Promise<void> => {
    await program.close();
    await register?.close();
  };
  nodes.set(request.code, { program, clock, close });
  return { url: program.url };
}

/** A register that takes no time: what it costs is its protocol. */
async function openRegister(clock: ShiftedClock): Promise<{ address: string; close(): Promise<void> }> {
  const emulator = new KktEmulator({ clock, commandMs: 0, registerMs: 0, stripMs: 0 });
  const server = new ShtrihServer({ emulator, onFailure: silent });
  return await server.listen('127.0.0.1', 0);
}

async function close({ code }: { code?: string }): Promise<void> {
  const codes = code === undefined ? [...nodes.keys()] : [code];
  for (const each of codes) {
    await nodes.get(each)?.close();
    nodes.delete(each);
  }
}

function held(code: string): Held {
  const found = nodes.get(code);
  if (found === undefined) throw new Error(`${code} is not open`);
  return found;
}

function write<Body>(code: string, number: number, body: Body) {
  const fingerprint = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return { key: `day-${code}-${number}`, fingerprint, till: TILL, body };
}

/** Carries a day out, deed by deed, each at its own time. */
async function day({ plan, branch, fromMs }: BranchDay): Promise<void> {
  const code = branch?.code ?? 'HQ';
  const deeds = branch === undefined ? headOfficeDay(plan) : branchDay(plan, branch);
  const { clock } = held(code);
  for (const [number, deed] of deeds.entries()) {
    clock.moveTo(fromMs + deed.atMs);
    await carryOut(code, number, deed);
  }
}

async function carryOut(code: string, number: number, deed: Deed): Promise<void> {
  const { node } = held(code).program;
  const { services } = node;
  switch (deed.do) {
    case 'sell': {
      const { body } = await services.orders.place(write(code, number, deed.order));
      if (number % RECEIPTS_WAITING_MAX === 0) await printed(code, body.receipt.id);
      return;
    }
    case 'receive':
      await services.stock.receive(write(code, number, deed.receipt));
      return;
    case 'count':
      await services.stock.count(write(code, number, deed.count));
      return;
    case 'price':
      await services.products.put(deed.sku, write(code, number, { priceMinor: deed.priceMinor }));
      return;
    case 'import':
      await node.importCatalog(deed.rows as unknown as Parameters<typeof node.importCatalog>[0]);
      return;
    default:
      deed satisfies never;
  }
}

/** Where a register is configured, the receipt comes before the next sale. */
async function printed(code: string, receipt: string): Promise<void> {
  const { services } = held(code).program.node;
  for (;;) {
    const found = await services.receipts.get(receipt);
    if (found === undefined || (found.state !== 'waiting' && found.state !== 'printing')) return;
    await real.sleep(1);
  }
}

function vector(code: string): Vector {
  const feeds: Record<string, number> = {};
  for (const [feed, { head }] of held(code).program.node.feeds()) feeds[feed] = head.seq;
  return feeds;
}

/** Resolves when all of them hold what they should, on disk. */
async function reach(targets: readonly Reach[]): Promise<Reached[]> {
  const reached: Reached[] = [];
  let waiting = targets.map(({ code, target }) => ({ code, left: Object.entries(target) }));
  const untilMs = real.monotonicMs() + LEVEL_TIMEOUT_MS;
  while (waiting.length > 0) {
    for (const each of waiting) {
      const feeds = held(each.code).program.node.feeds() as ReadonlyMap<string, { head: { seq: number } }>;
      each.left = each.left.filter(([feed, seq]) => (feeds.get(feed)?.head.seq ?? 0) < seq);
      if (each.left.length === 0) reached.push({ code: each.code, atMs: real.nowMs() });
    }
    waiting = waiting.filter(({ left }) => left.length > 0);
    if (waiting.length === 0) break;
    if (real.monotonicMs() > untilMs) {
      const words = waiting.map(({ code, left }) => `${code}: ${left.length} feeds, ${left[0]?.[0]}`);
      throw new Error(`not level after ${LEVEL_TIMEOUT_MS} ms: ${words.slice(0, 5).join('; ')}`);
    }
    await real.sleep(POLL_MS);
  }
  return reached;
}

async function settle({ code }: { code: string }): Promise<Settled> {
  const from = { cpuMs: usage().cpuMs, wallMs: real.monotonicMs() };
  await held(code).program.node.settle();
  return { cpuMs: usage().cpuMs - from.cpuMs, wallMs: real.monotonicMs() - from.wallMs };
}

async function state({ code, plan, documents, customers }: AskState): Promise<NodeState> {
  const { node } = held(code).program;
  const { services } = node;
  await node.settle();
  const feeds: Record<string, string> = {};
  for (const [feed, { head }] of node.feeds()) {
    if (!feed.startsWith('local/')) feeds[feed] = `${head.seq}:${Buffer.from(head.hash).toString('hex')}`;
  }
  const heads: Record<string, string> = {};
  for (const document of documents) heads[document] = (await node.heads(document)).join(' ');
  const catalog = catalogAfter(plan);
  const products = catalog.map(({ sku }) => services.products.get(sku) ?? null);
  const people: unknown[] = [];
  for (const id of customers) people.push((await services.customers.get(id))?.points.balance ?? 0);
  const levels: unknown[] = [];
  for (const { sku } of catalog) levels.push((await services.stock.get(sku))?.onHandMilli ?? 0);
  return {
    code,
    feeds,
    heads,
    products: digest(products),
    customers: digest(people),
    orders: await ordersOf(code),
    stock: digest(levels),
  };
}

async function ordersOf(code: string): Promise<NodeState['orders']> {
  const { services } = held(code).program.node;
  const sums: Record<string, { count: number; totalMinor: number }> = {};
  for (let after: string | undefined; ; ) {
    const page = await services.orders.list({ after, limit: PAGE });
    for (const { branch, totalMinor } of page.orders) {
      const sum = sums[branch] ?? { count: 0, totalMinor: 0 };
      sums[branch] = { count: sum.count + 1, totalMinor: sum.totalMinor + totalMinor };
    }
    after = page.next;
    if (after === undefined) return sums;
  }
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

async function load({
  code,
  rows,
  seed,
}: {
  code: string;
  rows: number;
  seed: number;
}): Promise<{ ms: number }> {
  const fromMs = real.monotonicMs();
  const { node } = held(code).program;
  const catalog = catalogAfter({ seed, products: rows, importRows: 0 });
  await node.importCatalog(catalog as unknown as Parameters<typeof node.importCatalog>[0]);
  return { ms: real.monotonicMs() - fromMs };
}

async function search({
  code,
  count,
  seed,
}: {
  code: string;
  count: number;
  seed: number;
}): Promise<number[]> {
  const { products } = held(code).program.node.services;
  const random = seededRandom(seed);
  const all = products.search({ limit: 50 });
  const words = all.map(({ name }) => name.split(' ')[0]!);
  return Array.from({ length: count }, () => {
    const q = words[randomInteger(random, words.length)]!.slice(0, 2 + randomInteger(random, 3));
    const fromMs = real.monotonicMs();
    products.search({ q, limit: 20 });
    return real.monotonicMs() - fromMs;
  });
}

/** A day of a year: tills of one branch sell side by side, so that the year is made in minutes. */
async function year(ask: {
  code: string;
  products: number;
  day: number;
  orders: number;
  fromMs: number;
  seed: number;
}) {
  const { code, day: number, orders, fromMs } = ask;
  const plan = {
    ...FLEET_DEFAULT,
    branches: 1,
    regions: 1,
    seed: ask.seed,
    products: ask.products,
    orders,
  };
  const deeds = branchDay(plan, { ...branchesOf(plan)[0]!, index: number });
  held(code).clock.moveTo(fromMs + number * DAY_AND_NIGHT_MS);
  for (let from = 0; from < deeds.length; from += SIDE_BY_SIDE) {
    const together = deeds.slice(from, from + SIDE_BY_SIDE);
    await Promise.all(together.map((deed, at) => carryOut(code, (number + 1) * 100_000 + from + at, deed)));
  }
}

serveCalls({
  open,
  year,
  /** Rows of customers, one commit each. */
  customers: async ({ code, count }: { code: string; count: number }) => {
    const { customers } = held(code).program.node.services;
    for (let row = 0; row < count; row += 1) {
      const body = { note: String(row + 1) } as CustomerPut;
      await customers.put(`${code}-${row}`, write(code, row, body));
    }
  },
  products: ({ code }: { code: string }) => held(code).program.node.services.products.count,
  close,
  day,
  reach,
  settle,
  state,
  load,
  search,
  vector: ({ code }: { code: string }) => vector(code),
  vectors: () => Object.fromEntries([...nodes.keys()].map((code) => [code, vector(code)])),
  sync: async () => {
    await Promise.all(
      [...nodes.values()].map(({ program }) => program.node.services.sync.now({ timeoutMs: 1 })),
    );
  },
  /** One exchange with everybody configured, until level. */
  syncFor: async ({ timeoutMs }: { timeoutMs: number }) => {
    await Promise.all(
      [...nodes.values()].map(({ program }) => program.node.services.sync.now({ timeoutMs })),
    );
  },
  till: async ({ code, till }: { code: string; till: string }) =>
    await held(code).program.node.services.tills.add(till, 'manager'),
  clock: ({ code, nowMs }: { code: string; nowMs: number }) => held(code).clock.moveTo(nowMs),
  usage: () => usage(),
});
