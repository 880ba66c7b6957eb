/** G2 over a month: answers are repeated for ANSWERS_KEPT_MS, then forgotten, in rows and in the feed. */
import { type Collection, collectionOf, FeedWriter, generateDeviceKey, MemoryStore } from '@branchline/feed';
import { ManualClock, makeStamp } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ANSWERS_FORGOTTEN_MAX,
  ANSWERS_KEPT_DAYS,
  ANSWERS_KEPT_MS,
  ANSWERS_LOOK_MS,
  AnswerAge,
} from '../src/projections/answer-age.ts';
import { ANSWERS_COLLECTION, Answers } from '../src/projections/answers.ts';
import { FILTER_BITS, KeyFilter } from '../src/projections/key-filter.ts';
import { Projector } from '../src/projections/projection.ts';
import { type RowLevel, Rows } from '../src/projections/rows.ts';

const test = suite('G2 answers grow old');
const DAY_MS = 86_400_000;
const KIND = 'request';

async function shop() {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const key = generateDeviceKey();
  const store = await MemoryStore.open({ tenant: 'Superstore', keys: () => key.publicKey });
  let count = 0;
  const writer = await FeedWriter.open({
    store,
    key,
    tenant: 'Superstore',
    now: () => {
      count += 1;
      return makeStamp(clock.nowMs(), count % 60_000);
    },
  });
  const level = new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' });
  const rows = await Rows.open({ level: level as unknown as RowLevel, onFailure: () => {} });
  const answers = new Answers(rows);
  const projector = new Projector({
    store,
    rows,
    projections: [answers],
    clock,
    onRemote: () => {},
    onUnreadable: () => {},
  });
  await projector.start();
  const age = new AnswerAge({ store, rows, answers, clock });
  const feed = writer.feed(ANSWERS_COLLECTION as Collection);
  const answer = async (...keys: string[]) => {
    const drafts = keys.map((each) => ({
      collection: ANSWERS_COLLECTION as Collection,
      kind: KIND,
      body: { key: each, fingerprint: '0'.repeat(64), till: 'T1', status: 201, answer: '{}' },
    }));
    await writer.commit(drafts);
  };
  const known = async (each: string) => (await answers.find([each]))[0] !== undefined;
  return { clock, store, age, answers, answer, known, base: () => store.feeds().get(feed)?.base.seq };
}

test('an answer is repeated for ANSWERS_KEPT_MS, then its row and its entry are gone', async () => {
  const { clock, age, answer, known, base } = await shop();
  await answer('first');
  for (let day = 1; day < ANSWERS_KEPT_DAYS; day += 1) {
    clock.jumpWall(DAY_MS);
    await answer(day === 30 ? 'second' : `day-${day}`);
    assert.is(await age.look(), 0);
  }
  assert.ok(await known('first'), 'after thirty-four days');
  clock.jumpWall(ANSWERS_KEPT_MS - (ANSWERS_KEPT_DAYS - 1) * DAY_MS + 1);
  await answer('third');
  assert.is(await age.look(), 1);
  assert.equal([await known('first'), await known('second'), await known('third')], [false, true, true]);
  assert.is(base(), 1);
});

test('a clock that jumps ahead makes nothing old while nothing is sold', async () => {
  const { clock, age, answer, known } = await shop();
  await answer('first');
  clock.jumpWall(400 * DAY_MS);
  assert.is(await age.look(), 0);
  assert.ok(await known('first'));
});

test('a clock that jumps forty days ahead makes nothing old, though sales go on', async () => {
  const { clock, age, answer, known } = await shop();
  await answer('first');
  clock.jumpWall(40 * DAY_MS);
  await answer('second');
  assert.is(await age.look(), 0);
  assert.ok(await known('first'));
});

test('ANSWERS_FORGOTTEN_MAX at a look, and one look in ANSWERS_LOOK_MS', async () => {
  const { clock, age, answer } = await shop();
  for (let from = 0; from < ANSWERS_FORGOTTEN_MAX + 2_000; from += 1_000) {
    await answer(...Array.from({ length: 1_000 }, (_, at) => `key-${from + at}`));
  }
  for (let day = 0; day <= ANSWERS_KEPT_DAYS; day += 1) {
    clock.jumpWall(DAY_MS);
    await answer(`new-${day}`);
  }
  const first = await age.look();
  assert.ok(first >= ANSWERS_FORGOTTEN_MAX && first < ANSWERS_FORGOTTEN_MAX + 2_000, String(first));
  assert.is(await age.look(), 0);
  clock.jumpWall(ANSWERS_LOOK_MS);
  assert.is(first + (await age.look()), ANSWERS_FORGOTTEN_MAX + 2_000);
});

test('a filter that learnt the keys says the same as reading all of them, and is never wrong about a key it has', async () => {
  const { clock, answers, answer, known } = await shop();
  const before = Array.from({ length: 2_500 }, (_, at) => `before-${at}`);
  await answer(...before);
  await answers.learn(clock, new AbortController().signal);
  await answer('later');
  for (const key of [...before, 'later']) {
    assert.ok(await known(key), key);
  }
  assert.not.ok(await known('never'));
  const filter = new KeyFilter();
  for (const key of before) {
    filter.add(key);
  }
  const mistaken = before.filter((_, at) => filter.mayHave(`other-${at}`)).length;
  assert.ok(mistaken < 10, `${mistaken} of ${before.length} in ${FILTER_BITS} bits`);
});

test('answers stand in a collection that never leaves the machine', () => {
  assert.is(collectionOf(`${ANSWERS_COLLECTION}/abcdefghijklmnop` as never), ANSWERS_COLLECTION);
  assert.ok(ANSWERS_COLLECTION.startsWith('local/'));
});

test.run();
