// limit: 300 s
/**
 * The product in one test: relay, head office and two shops as processes of their own sell real Superstore orders through an
 * outage made by cutting real connections, and agree afterwards. Then their data is tampered with, and `verify` names where.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { branchline, type Ended } from '../support/branchline.ts';
import { type JournalEntry, JournalSurgery } from '../support/journal-surgery.ts';
import { TempDir } from '../support/temp-dir.ts';

const STORY_LIMIT_MS = 240_000;
const VERIFY_LIMIT_MS = 30_000;

interface Happening {
  readonly event: string;
  readonly name?: string;
  readonly held?: boolean;
  readonly detail?: string;
  readonly soldOrders?: number;
  readonly receipts?: { readonly printed: number; readonly receipts: number; readonly delivered: number };
}

const story = suite('the outage story');
let data: TempDir;

story.before(async () => {
  data = await TempDir.open('story');
});
story.after(() => data[Symbol.asyncDispose]());

story('two shops sell through an outage and agree with head office afterwards (G1, G3, G4, G8)', async () => {
  const played = await branchline(
    STORY_LIMIT_MS,
    ...['demo', '--scenario', 'outage', '--exit', '--json', '--data', data.path],
  );
  const happenings = played.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Happening);
  const broken = happenings.filter(({ event, held }) => event === 'check' && !held);
  assert.equal(broken, [], played.err);
  assert.is(played.code, 0, played.err);
  const ready = happenings.find(({ event }) => event === 'ready') as unknown as Record<string, unknown>;
  assert.ok(ready.relay && ready.hq && Array.isArray(ready.nodes));
  const outage = happenings.find(({ event }) => event === 'outage');
  assert.is(outage?.soldOrders, 62);
  // 62 sales, two that earn points and two that spend them, a refund. Documents count shifts, too. The checks above compare each.
  assert.is(outage?.receipts?.receipts, 67, JSON.stringify(outage));
  assert.ok((outage?.receipts?.printed ?? 0) >= 65, JSON.stringify(outage));
  assert.ok((outage?.receipts?.delivered ?? 0) >= 71, JSON.stringify(outage));
  assert.ok(happenings.filter(({ event }) => event === 'check').length >= 24);
});

story('verify finds nothing wrong in what the story left, nor in what was derived from it', async () => {
  for (const folder of ['hq', 'b001', 'b002']) {
    const verified = await verify(join(data.path, folder));
    assert.is(verified.code, 0, verified.err);
    assert.match(verified.out, /\d+ rows and \d+ documents are what they add up to/, folder);
  }
});

story('G9: verify names the entry of one flipped bit', () =>
  tampered('flip', (journal, [entry]) => {
    journal.flipBit(entry!.offset + 3);
    return entry!;
  }),
);

story('G9: verify names the place of one removed entry, checksums put right', () =>
  tampered('remove', (journal, [entry]) => {
    journal.remove(entry!);
    return entry!;
  }),
);

story('G9: verify names the first entry of a swapped pair, checksums put right', () =>
  tampered('swap', (journal, [entry, next]) => {
    journal.swap(entry!, next!);
    return entry!;
  }),
);

async function tampered(
  name: string,
  tamper: (journal: JournalSurgery, sales: readonly JournalEntry[]) => JournalEntry,
): Promise<void> {
  const copy = join(data.path, `tampered-${name}`);
  cpSync(join(data.path, 'b001'), copy, { recursive: true });
  const journal = new JournalSurgery(copy);
  const sales = journal.entries('orders/B001/');
  const middle = Math.floor(sales.length / 2);
  const entry = tamper(journal, sales.slice(middle));
  journal.save();
  const verified = await verify(copy);
  assert.is(verified.code, 1, verified.out);
  assert.match(verified.err, /^error VERIFY_FAILED: /);
  assert.ok(verified.err.includes(`entry ${entry.seq} of ${entry.feed}`), verified.err);
}

function verify(folder: string): Promise<Ended> {
  return branchline(VERIFY_LIMIT_MS, 'verify', '--data', folder);
}

story.run();
