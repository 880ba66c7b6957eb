/** Tickets: fresh for a minute, good for one peer, over after a shift, never many. */
import { randomBytes } from 'node:crypto';
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Tickets } from '../src/index.ts';
import { OWNER_TICKETS_MAX, TICKET_FRESH_MS, TICKET_LIFE_MS, TICKETS_MAX } from '../src/tickets.ts';

const test = suite('tickets');
const open = () => {
  const clock = new ManualClock(0);
  const tickets = new Tickets<{ owner: string }>({ clock, randomBytes: (length) => randomBytes(length) });
  return { clock, tickets };
};

test('a ticket not used within a minute is worth nothing', async () => {
  const { clock, tickets } = open();
  const { ticket } = tickets.issue({ owner: 'a' });
  assert.is(tickets.redeem(ticket)?.user.owner, 'a');
  await clock.advance(TICKET_FRESH_MS + 1);
  assert.is(tickets.redeem(ticket), undefined);
  assert.is(tickets.redeem('nonsense'), undefined);
});

test('the first peer that uses it keeps it for its reconnects, until the end of a shift', async () => {
  const { clock, tickets } = open();
  const { ticket } = tickets.issue({ owner: 'a' });
  assert.ok(tickets.redeem(ticket)?.mayBe('first'));
  assert.not(tickets.redeem(ticket)?.mayBe('second'));
  await clock.advance(TICKET_LIFE_MS - 1);
  assert.ok(tickets.redeem(ticket)?.mayBe('first'));
  await clock.advance(2);
  assert.is(tickets.redeem(ticket), undefined);
});

test('there are never many: the oldest ends', () => {
  const { tickets } = open();
  const own = Array.from({ length: OWNER_TICKETS_MAX + 1 }, () => tickets.issue({ owner: 'a' }).ticket);
  assert.is(tickets.redeem(own[0]!), undefined);
  assert.ok(tickets.redeem(own[1]!));
  for (let n = 0; n < TICKETS_MAX; n++) {
    tickets.issue({ owner: `owner ${n}` });
  }
  assert.is(tickets.redeem(own.at(-1)!), undefined);
});

test.run();
