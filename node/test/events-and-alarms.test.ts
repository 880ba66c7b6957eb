/** What happened, for those who come back: a bounded ring with ids that outlive a restart; alarms, bounded as well. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALARM_CODES_MAX, ALARMS_MAX, Alarms } from '../src/alarms.ts';
import { EVENTS_HELD_MAX, EventLog, SUBSCRIBERS_MAX } from '../src/event-log.ts';
import { reasonsNotToSell } from '../src/state-of-device.ts';

const log = suite('events and alarms');

const collect = (events: EventLog, afterId?: string) => {
  const seen: string[] = [];
  const { missed, unsubscribe } = events.subscribe(afterId, ({ id }) => seen.push(id));
  return { seen, missed, unsubscribe };
};

log('a client that comes back gets what it missed, then what is new, without a gap', () => {
  const events = new EventLog(10);
  events.publish('order.accepted', {}, 11);
  events.publish('stock.changed', {}, 11);
  events.publish('sync.changed', {});
  const { seen, missed } = collect(events, '11.1');
  events.publish('order.accepted', {}, 12);
  assert.is(missed, false);
  assert.equal(seen, ['11.2', '11.3', '12.1']);
});

log('the ring is bounded, and a client that was away too long is told', () => {
  const events = new EventLog(0);
  for (let position = 1; position <= EVENTS_HELD_MAX + 5; position += 1) {
    events.publish('order.accepted', {}, position);
  }
  const late = collect(events, '2.1');
  assert.is(late.missed, true);
  assert.is(late.seen.length, EVENTS_HELD_MAX);
  const fine = collect(events, '5.1');
  assert.is(fine.missed, false);
  assert.is(collect(events, 'nonsense').missed, true);
});

log('after a restart a client that saw the last event missed nothing', () => {
  const events = new EventLog(40);
  assert.is(collect(events, '40.3').missed, false);
  assert.is(collect(events, '39.1').missed, true);
});

log('streams are bounded', () => {
  const events = new EventLog(0);
  const open = Array.from({ length: SUBSCRIBERS_MAX }, () => collect(events));
  const extra = collect(events);
  assert.is(extra.missed, true);
  assert.is(events.subscribers, SUBSCRIBERS_MAX);
  open[0]!.unsubscribe();
  events.publish('node.state', {});
  assert.is(open[1]!.seen.length, 1);
  assert.is(open[0]!.seen.length + extra.seen.length, 0);
});

log('an alarm stands until it is cleared, is told once, and alarms are bounded', () => {
  const told: string[] = [];
  const over: string[] = [];
  const alarms = new Alarms({
    nowMs: () => 0,
    onRaised: ({ detail }) => told.push(detail),
    onCleared: ({ detail }) => over.push(detail),
  });
  alarms.raise('A', 'same');
  alarms.raise('A', 'same');
  assert.equal(told, ['same']);
  for (let count = 0; count < ALARMS_MAX; count += 1) {
    alarms.raise('B', String(count));
  }
  assert.is(alarms.list().length, ALARMS_MAX);
  assert.is(alarms.has('A'), false);
  assert.is(alarms.raised, ALARMS_MAX + 2);
  alarms.clear('B');
  assert.equal(alarms.list(), []);
  alarms.raise('PEER_UNKNOWN', 'x does not know us', 'x');
  alarms.raise('PEER_UNKNOWN', 'y does not know us', 'y');
  alarms.raise('ENTRIES_REFUSED', 'of x', 'x');
  over.length = 0;
  alarms.clearAbout('x', 'PEER_');
  assert.equal(over, ['x does not know us'], 'the end is told as well');
  assert.equal(
    alarms.list().map(({ detail }) => detail),
    ['y does not know us', 'of x'],
  );
  alarms.clearAbout('x');
  alarms.clearAbout('y');
  alarms.raise('B', 'once more');
  for (let count = 0; count < ALARM_CODES_MAX; count += 1) {
    alarms.raise(`C${count}`, '');
  }
  const counts = alarms.counts();
  assert.equal([counts.get('A'), counts.get('B'), counts.size], [0, 1, ALARM_CODES_MAX]);
});

log('why a node does not sell is said in words, for each reason', () => {
  const fine = {
    isMember: true,
    isSearching: false,
    failure: undefined,
    isFull: false,
    isClosing: false,
  };
  assert.equal(reasonsNotToSell(fine), []);
  const words = (facts: object) => reasonsNotToSell({ ...fine, ...facts })[0]!.words;
  assert.match(words({ failure: new Error('EIO') }), /EIO.*restarts/);
  assert.match(words({ isClosing: true }), /stopping/);
  assert.match(words({ isMember: false }), /not enrolled/);
  assert.match(words({ isSearching: true }), /copy of this device/);
  assert.match(words({ isFull: true }), /disk is full/);
});

log.run();
