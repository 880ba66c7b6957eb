/**
 * A flood of receipts against an operator that fails a third of the time and hangs, while nodes and registers lose their power.
 *
 * Everything is the real thing: nodes, the outbox, the driver and its protocol, TCP to the mock operator; the clock is moved by
 * hand. One document of the last branch is refused for ever, until somebody decides about it.
 *
 * What is checked at the end is not what the nodes say but what the storages and the operator have.
 */
import type { OfdBehaviour } from '@branchline/fiscal';
import { MockOfd } from '@branchline/fiscal';
import type { Order } from '@branchline/model';
import { type Random, randomInteger, seededRandom } from 'hlc-ts';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import { Chain } from './chain.ts';
import { RegisterScene } from './register-scene.ts';

const BRANCHES = 3;
const FAILURE_SHARE = 0.3;
/** Receipts sold between two looks, at each branch. */
const BATCH = 8;
const RECEIPT = 3;
/** Of the last branch: a receipt somewhere in its first batches. */
const POISON_FD = 12;
const ANSWER_LIMIT_MS = 2_000;
const DRAIN_LIMIT_MS = 150_000;

export interface FloodOptions {
  readonly receipts: number;
  readonly seed: number;
}

export interface FloodFigures {
  readonly receipts: number;
  readonly documents: number;
  readonly tickets: number;
  readonly exchanges: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly nodeRestarts: number;
  readonly registerRestarts: number;
  /** Documents of the other storages delivered while the refused one stood. */
  readonly deliveredBesidePoison: number;
  readonly simulatedMs: number;
}

export async function flood({ receipts, seed }: FloodOptions): Promise<FloodFigures> {
  const random = seededRandom(seed);
  const failures: Record<string, number> = {};
  const chain = await Chain.open();
  const startedMs = chain.clock.nowMs();
  let isCalm = false;
  const operator = await MockOfd.open({
    clock: chain.clock,
    otherwise: () => (isCalm ? ACCEPT : mood(random, failures)),
  });
  const scenes: RegisterScene[] = [];
  try {
    for (let at = 1; at <= BRANCHES; at += 1) {
      scenes.push(
        await RegisterScene.open({
          chain,
          operator,
          branch: `B00${at}`,
          fn: `9999${String(at).padStart(12, '0')}`,
          stripMs: 0,
          answerLimitMs: ANSWER_LIMIT_MS,
        }),
      );
    }
    const poisoned = scenes.at(-1)!;
    operator.script({ behaviour: { kind: 'refuse', code: 11 }, fn: fnOf(poisoned), fd: POISON_FD });
    const orders = new Map<RegisterScene, Order[]>(scenes.map((scene) => [scene, []]));
    let nodeRestarts = 0;
    let registerRestarts = 0;
    for (let sold = 0; sold < receipts; ) {
      for (const scene of scenes) {
        const count = Math.min(BATCH, receipts - sold);
        const placed = await Promise.all(Array.from({ length: count }, () => scene.sell()));
        orders.get(scene)!.push(...placed);
        sold += count;
      }
      await chain.pass(randomInteger(random, 1 + 40) * 100, 100);
      const chosen = scenes[randomInteger(random, BRANCHES)]!;
      const chance = random();
      if (chance < 0.15) {
        await chosen.crash();
        await chosen.start();
        nodeRestarts += 1;
      } else if (chance < 0.35) {
        chosen.emulator.cutPower(100 + randomInteger(random, 2_900));
        registerRestarts += 1;
      }
    }
    const others = scenes.filter((scene) => scene !== poisoned);
    await patiently(chain, () => scenes.every((scene) => scene.count(RECEIPT) === orders.get(scene)!.length));
    await patiently(chain, () =>
      others.every((scene) => scene.emulator.device.storage.unacknowledged.length === 0),
    );
    const deliveredBesidePoison = others.reduce(
      (sum, scene) => sum + operator.ledger.filter(({ fn }) => fn === fnOf(scene)).length,
      0,
    );
    const { items } = await quarantineOf(chain, poisoned);
    assert.equal(
      items.map(({ id }) => id),
      [`ofd.${fnOf(poisoned)}.${POISON_FD}`],
    );
    operator.clearRules();
    const request = poisoned.machine.request({}, { role: 'admin' });
    await chain.running(poisoned.services.outbox.retry(items[0]!.id, request));
    await patiently(chain, () => poisoned.emulator.device.storage.unacknowledged.length === 0);
    isCalm = true;
    await patiently(chain, async () => (await pendingOf(scenes)) === 0);
    let tickets = 0;
    for (const scene of scenes) {
      tickets += await check(scene, operator, orders.get(scene)!);
    }
    assert.equal([operator.state.conflicts, operator.state.disordered], [0, 0]);
    return {
      receipts,
      documents: operator.state.documents,
      tickets,
      exchanges: operator.state.connections,
      failures,
      nodeRestarts,
      registerRestarts,
      deliveredBesidePoison,
      simulatedMs: chain.clock.nowMs() - startedMs,
    };
  } finally {
    await chain.close();
    await operator.close();
  }
}

const ACCEPT: OfdBehaviour = { kind: 'accept' };

/** How the operator takes the next message. */
function mood(random: Random, failures: Record<string, number>): OfdBehaviour {
  if (random() >= FAILURE_SHARE) {
    return ACCEPT;
  }
  const troubles: readonly OfdBehaviour[] = [
    { kind: 'hang' },
    { kind: 'drop', at: 'message' },
    { kind: 'drop', at: 'answer' },
    { kind: 'garbage' },
    { kind: 'truncate' },
    { kind: 'wrong-fd' },
    { kind: 'wrong-crc' },
    { kind: 'slow', delayMs: ANSWER_LIMIT_MS * 2 },
  ];
  const trouble = troubles[randomInteger(random, troubles.length)]!;
  const name = trouble.kind === 'drop' ? `drop at ${trouble.at}` : trouble.kind;
  failures[name] = (failures[name] ?? 0) + 1;
  return trouble;
}

/** What one branch sold, what its storage has, what the operator has, what its feeds say: all the same, once, in order. */
async function check(scene: RegisterScene, operator: MockOfd, orders: readonly Order[]): Promise<number> {
  const fn = fnOf(scene);
  const { documents } = scene.emulator.device.storage;
  const wanted = documents.map(({ fd }) => fd);
  assert.equal(
    wanted,
    wanted.map((_, at) => at + 1),
    `${fn}: numbered without a gap`,
  );
  assert.equal(scene.ledgerOf(fn), wanted, `${fn}: with the operator, in order`);
  const tickets = (await scene.entries('receipt-ticket'))
    .map(({ body }) => body as { fn: string; fd: number })
    .filter((body) => body.fn === fn)
    .map(({ fd }) => fd);
  assert.equal(
    [...tickets].sort((a, b) => a - b),
    wanted,
    `${fn}: one ticket each`,
  );
  const fds = new Set<number>();
  for (const order of orders) {
    const receipt = await scene.receipt(order);
    assert.is(receipt.ofd, 'delivered');
    fds.add(receipt.fd!);
  }
  assert.is(fds.size, orders.length, `${fn}: one document to an order`);
  assert.is(scene.count(RECEIPT), orders.length);
  assert.ok(operator.ledger.length >= documents.length);
  return tickets.length;
}

async function quarantineOf(chain: Chain, scene: RegisterScene) {
  const page = () => scene.services.outbox.quarantine({ limit: 10 });
  await patiently(chain, async () => (await page()).items.length > 0);
  return await page();
}

async function pendingOf(scenes: readonly RegisterScene[]): Promise<number> {
  let pending = 0;
  for (const scene of scenes) {
    pending += (await scene.services.outbox.status()).totals.pending;
  }
  return pending;
}

function fnOf(scene: RegisterScene): string {
  return scene.emulator.device.storage.fn;
}

/** As `chain.until`, with time for thousands of documents. */
async function patiently(chain: Chain, done: () => boolean | Promise<boolean>): Promise<void> {
  await until(DRAIN_LIMIT_MS, 'the flood to run off', async () => {
    for (let step = 0; step < 100; step += 1) {
      if (await done()) {
        return true;
      }
      await chain.pass(200, 20);
    }
    return false;
  });
}
