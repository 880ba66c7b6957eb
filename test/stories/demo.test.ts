// limit: 120 s
/** `npm start`: a chain to sell through, which mends its own programs and continues from its data (S-1, S-3). */
import { kill } from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Running } from '../support/branchline.ts';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';

const READY_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 20_000;

interface Ready {
  readonly nodes: readonly { readonly url: string; readonly tillToken: string; readonly pid: number }[];
}

const demo = suite('the demo chain');

demo('sells, mends a program that was killed, stops on Ctrl-C and continues from its data', async () => {
  await using data = await TempDir.open('demo');
  const first = new Running('demo', '--json', '--data', data.path);
  const { nodes } = await first.said<Ready>(READY_LIMIT_MS, 'ready');
  // The catalog may still be on its way into the shop.
  const before = await until(READY_LIMIT_MS, 'the first sale', () => sell(nodes[0]!, 'before'));
  assert.is(before.number, 'B001-000001');

  kill(nodes[0]!.pid, 'SIGKILL');
  await first.said(READY_LIMIT_MS, 'restarted');
  const again = await until(READY_LIMIT_MS, 'selling after the kill', () => sell(nodes[0]!, 'after'));
  assert.is(again.number, 'B001-000002');
  assert.is(await first.stop(STOP_LIMIT_MS), 0);

  const second = new Running('demo', '--json', '--data', data.path);
  try {
    const { nodes: same } = await second.said<Ready>(READY_LIMIT_MS, 'ready');
    assert.is((await sell(same[0]!, 'after')).number, 'B001-000002', 'the key is still known');
    const next = await until(READY_LIMIT_MS, 'a sale of the next day', () => sell(same[0]!, 'next-day'));
    assert.is(next.number, 'B001-000003');
  } finally {
    await second.stop(STOP_LIMIT_MS);
  }
});

async function sell(node: Ready['nodes'][number], key: string): Promise<{ readonly number: string }> {
  const response = await fetch(`${node.url}/v1/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${node.tillToken}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify({
      till: 'T1',
      cashier: 'Ann',
      lines: [{ sku: 'FUR-BO-10001798', quantityMilli: 1000 }],
      payments: [{ kind: 'card', amountMinor: 13098 }],
    }),
  });
  assert.is(response.status, 201);
  return (await response.json()) as { number: string };
}

demo.run();
