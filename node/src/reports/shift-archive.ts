/** Reports of closed shifts of every branch that is replicated here, latest first: the Z reports of a chain. */
import type { ShiftArchive, ShiftArchiveQuery, ShiftView } from '@branchline/model';
import { after, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';

const ALL = 'hb/';

export async function shiftArchive(rows: Rows, query: ShiftArchiveQuery): Promise<ShiftArchive> {
  const branches = query.branch === undefined ? await branchesWithShifts(rows) : [query.branch];
  const found: string[] = [];
  for (const branch of branches) {
    const prefix = rowKeys.branchShift(branch, '', '').slice(0, -1);
    const below = query.after === undefined ? after(prefix) : `${prefix}${query.after}`;
    const range = { after: prefix, below, limit: query.limit + 1, reverse: true };
    for await (const [key] of rows.texts(range)) {
      found.push(key.slice(prefix.length));
    }
  }
  found.sort().reverse();
  const page = found.slice(0, query.limit);
  const texts = await rows.getTexts(page.map((key) => rowKeys.shiftReport(key.slice(key.indexOf('/') + 1))));
  const shifts = texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as ShiftView]));
  return { shifts, ...(found.length > page.length ? { next: page.at(-1)! } : {}) };
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
