/**
 * Reports of closed shifts of every branch that is replicated here, latest first: the Z reports of a chain.
 *
 * A shift may have been reported more than once, one report soon after the other: it stands here once, with its last report.
 */
import type { ShiftArchive, ShiftArchiveQuery, ShiftView } from '@branchline/model';
import { after, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';

const ALL = 'hb/';
/** Keys read for one shift. */
const REPORTS_PER_SHIFT = 2;

export async function shiftArchive(rows: Rows, query: ShiftArchiveQuery): Promise<ShiftArchive> {
  const branches = query.branch === undefined ? await branchesWithShifts(rows) : [query.branch];
  const found: string[] = [];
  for (const branch of branches) {
    const prefix = rowKeys.branchShift(branch, '', '').slice(0, -1);
    const below = query.after === undefined ? after(prefix) : `${prefix}${query.after}`;
    const range = { after: prefix, below, limit: REPORTS_PER_SHIFT * (query.limit + 1), reverse: true };
    for await (const [key] of rows.texts(range)) {
      found.push(key.slice(prefix.length));
    }
  }
  const seen = new Set(query.after === undefined ? [] : [idOf(query.after)]);
  const once = found
    .sort()
    .reverse()
    .filter((key) => !seen.has(idOf(key)) && seen.add(idOf(key)));
  const page = once.slice(0, query.limit);
  const texts = await rows.getTexts(page.map((key) => rowKeys.shiftReport(idOf(key))));
  const shifts = texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as ShiftView]));
  return { shifts, ...(once.length > page.length ? { next: page.at(-1)! } : {}) };
}

/** Of `stamp/id`. */
function idOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

/** One look per branch, however many shifts there are. */
async function branchesWithShifts(rows: Rows): Promise<string[]> {
  const branches: string[] = [];
  for (let start = ALL; ; ) {
    const [key] = await rows.keys({ after: start, below: after(ALL), limit: 1 });
    if (key === undefined) {
      return branches;
    }
    const branch = key.slice(ALL.length, key.indexOf('/', ALL.length));
    branches.push(branch);
    start = after(`${ALL}${branch}/`);
  }
}
