/** G12: the limits of reservations and of the desk that moves rights to return, each reached. */
import type { Order } from '@branchline/model';
import { ManualClock, makeStamp, systemClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Transaction } from '../src/commit/transaction.ts';
import type { ProjectedEntry } from '../src/projections/projection.ts';
import { RESERVATIONS_MAX, Reservations } from '../src/projections/reservations.ts';
import { type RowLevel, Rows } from '../src/projections/rows.ts';
import {
  RETURN_WAIT_MS,
  ReturnDesk,
  type ReturnDeskOptions,
  ROUND_REQUESTS_MAX,
} from '../src/returns/return-desk.ts';
import { reserveGoods } from '../src/use-cases/reserve-goods.ts';
import type { Trade } from '../src/use-cases/trade.ts';

const test = suite('limits of desks');
const real = systemClock();
const NOW = Date.UTC(2026, 10, 22, 9);
const idOf = (at: number): string => `019a0000-0000-7000-8000-${String(at).padStart(12, '0')}`;

/** What a transaction gathered, and nothing of a pipeline. */
function gathering(): Transaction & { readonly kinds: string[] } {
  const kinds: string[] = [];
  return {
    kinds,
    stamp: makeStamp(NOW, 0),
    till: { till: 'T1', role: 'cashier' },
    append: (_collection, kind) => {
      kinds.push(kind);
    },
    change: () => {},
    movedMilli: () => 0,
    noteMoved: () => {},
  };
}

test(`G12 ${RESERVATIONS_MAX} reservations stand at a branch, and not one more until one has ended`, async () => {
  const level = new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' });
  const rows = await Rows.open({ level: level as unknown as RowLevel, onFailure: () => {}, clock: real });
  const reservations = await Reservations.open({
    rows,
    branch: 'B001',
    nowMs: () => NOW,
    onMade: () => {},
    onEnded: () => {},
  });
  const say = (kind: string, body: object): void =>
    reservations.apply({
      collection: 'goods/B001',
      hlc: makeStamp(NOW, 0),
      replayed: true,
      kind,
      body,
    } as unknown as ProjectedEntry);
  const lines = [{ sku: 'CUP', quantityMilli: 1 }];
  for (let at = 0; at < RESERVATIONS_MAX; at++) {
    say('reservation', { id: idOf(at), till: 'T1', expiresMs: NOW + 60_000, lines });
  }
  const trade = {
    branch: 'B001',
    reservations,
    stock: { onHandMilli: async () => 1_000_000_000 },
    nowMs: () => NOW,
    randomBytes: (length: number) => new Uint8Array(length),
  } as unknown as Trade;
  const reserve = () => reserveGoods(trade, gathering(), { lines, ttlSeconds: 60 } as never);
  const refused = await reserve().then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );
  assert.is(refused, 'OVERLOADED');
  say('reservation-ended', { id: idOf(7), till: 'T1', how: 'released' });
  assert.is((await reserve()).status, 201);
});

interface Asked {
  readonly order: string;
  readonly to: string;
  readonly toBranch: string;
  readonly asked: string;
}

/** The desk of B001 with these requests before it; of orders in `elsewhere` another branch has the right. */
function deskOf(requests: readonly Asked[], elsewhere: (order: string) => boolean) {
  const clock = new ManualClock(NOW);
  const granted: string[] = [];
  const order = (id: string): Order =>
    ({
      id,
      branch: 'B001',
      lines: [],
      payments: [],
      hlc: '0'.repeat(16),
      receipt: { id },
    }) as unknown as Order;
  const trade = {
    branch: 'B001',
    mayWrite: () => true,
    returns: {
      order: async (id: string) => order(id),
      mayHold: () => true,
      standing: async ({ id }: Order) => ({
        turn: 0,
        writer: 'holder',
        branch: elsewhere(id) ? 'B002' : 'B001',
        returned: { lines: new Map(), paid: new Map() },
        elsewhere: elsewhere(id) ? 'held by B002' : undefined,
      }),
    },
  } as unknown as Trade;
  const desk = new ReturnDesk({
    trade,
    returns: {
      requests: async () => requests,
      watch: () => () => {},
    } as unknown as ReturnDeskOptions['returns'],
    writer: 'us',
    clock,
    submit: async (decide) => {
      const transaction = gathering();
      await decide(transaction);
      granted.push(...transaction.kinds);
    },
    isConnected: () => true,
    failed: (error) => assert.unreachable(String(error)),
  });
  return { desk, clock, granted };
}

test(`G12 a round answers ${ROUND_REQUESTS_MAX} requests, the next round the others; those nobody here can answer hide none`, async () => {
  const requestOf = (at: number): Asked => ({
    order: idOf(at),
    // The holder asks for what it has: nothing to answer.
    to: at < 1_500 ? 'holder' : 'them',
    toBranch: 'B003',
    asked: 'B001',
  });
  const requests = Array.from({ length: 1_500 + ROUND_REQUESTS_MAX + 3 }, (_, at) => requestOf(at));
  const { desk, granted } = deskOf(requests, (id) => Number(id.slice(-12)) < 1_500);
  await desk.answer();
  // `holder` of B002 is who asks for the first ones: they are left alone.
  assert.is(granted.length, ROUND_REQUESTS_MAX);
  assert.equal([...new Set(granted)], ['return-grant']);
  granted.length = 0;
  const few = deskOf(requests.slice(0, 1_503), (id) => Number(id.slice(-12)) < 1_500);
  await few.desk.answer();
  assert.is(few.granted.length, 3);
});

test(`G12 a refund holds its answer for the right ${RETURN_WAIT_MS} ms at most`, async () => {
  const { desk, clock, granted } = deskOf([], () => true);
  let isOver = false;
  const asked = desk.ask(idOf(1), 'B002').then(() => {
    isOver = true;
  });
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) {
      await real.yield();
    }
  };
  await turns();
  assert.equal(granted, ['return-request']);
  await clock.advance(RETURN_WAIT_MS - 1);
  await turns();
  assert.is(isOver, false);
  await clock.advance(1);
  await asked;
});

test.run();
