/** S-10, G5: balances are what orders, refunds and moves of rights add up to; one below zero is a finding. */
import { foldCustomer, moveRights, type RightsMove, type WriterId } from '@branchline/docs';
import { systemClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProjectedEntry } from '../src/projections/projection.ts';
import { type RowLevel, Rows } from '../src/projections/rows.ts';
import { BalanceLedger } from '../src/verify/balances.ts';

const balances = suite('balances');
const [SELF, OTHER] = ['self', 'other'] as WriterId[] as [WriterId, WriterId];
const ID = '019a0000-0000-7000-8000-000000000001';

const orderOf = (loyalty: object, over: object = {}) => ({
  id: ID,
  number: 'B001-000001',
  till: 'T1',
  totalMinor: 1_000,
  changeMinor: 0,
  lines: [],
  payments: [],
  customer: { id: 'anna' },
  receipt: { id: ID },
  loyalty,
  ...over,
});

/** The row after steps of these writers, by account. */
function rowOf(account: string, steps: readonly (readonly [WriterId, RightsMove])[]): string {
  const cells = new Map<string, string | number | boolean | null>();
  for (const [writer, step] of steps) {
    moveRights(
      account,
      step,
    )({ writer, get: (key) => cells.get(key), set: (key, value) => cells.set(key, value) });
  }
  const list = Array.from(cells, ([key, value]) => ({ key, value, conflict: false }));
  return JSON.stringify(foldCustomer(undefined, account, list));
}

async function compared(
  entries: readonly (readonly [kind: string, body: unknown, writer?: WriterId])[],
  rows: Readonly<Record<string, string>>,
  isWhole = true,
) {
  const level = new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' });
  const stored = await Rows.open({
    level: level as unknown as RowLevel,
    onFailure: (error) => assert.unreachable(String(error)),
    clock: systemClock(),
  });
  for (const [account, text] of Object.entries(rows)) {
    stored.putText(`c/main/${account}`, text);
  }
  const ledger = new BalanceLedger(SELF);
  for (const [kind, body, writer = SELF] of entries) {
    ledger.apply({ kind, body, writer } as ProjectedEntry);
  }
  if (!isWhole) {
    ledger.missBeginning();
  }
  return await ledger.differenceIn(stored);
}

const count = (name: 'earned' | 'spent' | 'returned' | 'owed' | 'reversed', points: number): RightsMove => ({
  type: 'count',
  count: name,
  points,
});

balances(
  'points, gift cards and coupons of orders, refunds and moves are what the documents say',
  async () => {
    const entries = [
      [
        'order',
        orderOf(
          { earned: 9, redeemed: 4 },
          {
            payments: [{ kind: 'giftCard', amountMinor: 300, account: 'card:1', ending: '…1' }],
            coupons: [{ account: 'coupon:1', ending: '…2', discountMinor: 10 }],
          },
        ),
      ],
      [
        'rights',
        {
          moves: [
            { account: 'anna', type: 'given', points: 2, other: OTHER },
            { account: 'card:1', type: 'issued', points: 500 },
            { account: 'coupon:1', type: 'issued', points: 1 },
          ],
        },
      ],
      ['order', orderOf({ earned: 1_000, redeemed: 0 }), OTHER],
    ] as const;
    const rows = {
      anna: rowOf('anna', [
        [SELF, count('earned', 9)],
        [SELF, count('spent', 4)],
        [SELF, { type: 'give', to: OTHER, points: 2 }],
      ]),
      'card:1': rowOf('card:1', [
        [SELF, count('earned', 500)],
        [SELF, count('spent', 300)],
      ]),
      'coupon:1': rowOf('coupon:1', [
        [SELF, count('earned', 1)],
        [SELF, count('spent', 1)],
      ]),
    };
    assert.is(await compared(entries, rows), undefined, 'what others did is not measured by their orders');
  },
);

balances('the first count that differs is named, and an account the documents do not have', async () => {
  const sold = [['order', orderOf({ earned: 9, redeemed: 0 })]] as const;
  const doubled = { anna: rowOf('anna', [[SELF, count('earned', 18)]]) };
  assert.equal(await compared(sold, doubled), {
    what: 'balance',
    key: 'c/main/anna',
    expected: 'earned 9',
    found: 'earned 18',
  });
  assert.is((await compared(sold, {}))?.key, 'anna');
  assert.is(await compared(sold, doubled, false), undefined, 'without the beginning nobody knows');
  const unowed = {
    anna: rowOf('anna', [
      [SELF, count('earned', 9)],
      [SELF, count('reversed', 3)],
    ]),
  };
  assert.is((await compared(sold, unowed))?.found, 'reversed 3');
});

balances('G5 rights below zero are a finding, of whichever device', async () => {
  const twice = {
    anna: rowOf('anna', [
      [OTHER, count('earned', 5)],
      [OTHER, count('spent', 8)],
    ]),
  };
  assert.equal(await compared([], twice), {
    what: 'balance',
    key: 'c/main/anna',
    expected: 'rights of other 0 or more',
    found: '-3',
  });
});

balances.run();
