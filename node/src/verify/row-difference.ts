/**
 * The first difference between two sets of rows, in the words of whoever has to look at it.
 *
 * Both are walked in key order, so memory does not grow with them. JSON rows are compared by value: the order in which a row's
 * fields came about is an accident of when entries arrived, what they add up to is not.
 */
import { after } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';

/** Characters of a value that are shown. */
export const SHOWN_CHARS_MAX = 160;
const NOTHING = 'nothing';

export interface Difference {
  /** What kind of thing it is, for people. */
  readonly what: string;
  /** Key of the row, or name of the document. */
  readonly key: string;
  /** What the feeds give, and what stands in the row; the field is named when only one differs. */
  readonly expected: string;
  readonly found: string;
}

interface Area {
  readonly prefix: string;
  readonly what: string;
  readonly form: 'json' | 'text';
}

/** What can be told by text alone; documents are compared by their heads. */
const AREAS: readonly Area[] = [
  { prefix: 'k/', what: 'till', form: 'json' },
  { prefix: 'o/', what: 'order', form: 'json' },
  { prefix: 't/', what: 'order by time', form: 'text' },
  { prefix: 'u/', what: 'order of a branch', form: 'text' },
  { prefix: 'b/', what: 'refund', form: 'json' },
  { prefix: 'bo/', what: 'refund of an order', form: 'text' },
  { prefix: 'bg/', what: 'right to return', form: 'json' },
  { prefix: 'bq/', what: 'request for a right to return', form: 'json' },
  { prefix: 'n/', what: 'reservation', form: 'json' },
  { prefix: 'x/', what: 'transfer', form: 'text' },
  { prefix: 'xs/', what: 'transfer sent', form: 'json' },
  { prefix: 'xr/', what: 'transfer received', form: 'json' },
  { prefix: 'xu/', what: 'reception undone', form: 'text' },
  { prefix: 'y/', what: 'reorder point', form: 'json' },
  { prefix: 'z/', what: 'oversell', form: 'json' },
  { prefix: 'zr/', what: 'resolution of an oversell', form: 'json' },
  { prefix: 'pp/', what: 'promotion', form: 'json' },
  { prefix: 'pl/', what: 'pricelist', form: 'json' },
  { prefix: 'pv/', what: 'price of a branch', form: 'json' },
  { prefix: 'er/', what: 'erasure', form: 'json' },
  { prefix: 'ed/', what: 'erasure done by a device', form: 'text' },
  { prefix: 'r/', what: 'stored answer', form: 'text' },
  { prefix: 'f', what: 'fiscal receipt', form: 'text' },
  { prefix: 'p/', what: 'product', form: 'json' },
  { prefix: 's/', what: 'stock', form: 'json' },
  { prefix: 'c/', what: 'customer', form: 'json' },
  { prefix: 'lr/', what: 'rights taken back', form: 'json' },
  { prefix: 'lp/', what: 'loyalty programme', form: 'text' },
  { prefix: 'ot/', what: 'order of another program', form: 'text' },
  { prefix: 'm', what: 'record of a branch with another program', form: 'text' },
];

/** Rows compared so far, and the first that differs. */
export interface Compared {
  readonly rows: number;
  readonly difference: Difference | undefined;
}

export async function compareRows(expected: Rows, found: Rows): Promise<Compared> {
  let rows = 0;
  for (const { prefix, what, form } of AREAS) {
    const range = { after: prefix, below: after(prefix) };
    for await (const [key, wanted, stored] of paired(expected.texts(range), found.texts(range))) {
      rows += 1;
      const differs =
        wanted === undefined || stored === undefined || form === 'text'
          ? differingText(wanted, stored)
          : differingJson(wanted, stored);
      if (differs !== undefined) {
        return { rows, difference: { what, key, ...differs } };
      }
    }
  }
  return { rows, difference: undefined };
}

/** Rows of both sides by key; undefined where one side has none. */
export async function* paired<Value>(
  left: AsyncGenerator<[key: string, value: Value]>,
  right: AsyncGenerator<[key: string, value: Value]>,
): AsyncGenerator<[key: string, left: Value | undefined, right: Value | undefined]> {
  try {
    let [l, r] = [await left.next(), await right.next()];
    while (l.done !== true || r.done !== true) {
      const leftKey = l.done === true ? undefined : l.value[0];
      const rightKey = r.done === true ? undefined : r.value[0];
      const key = smaller(leftKey, rightKey);
      const inLeft = l.done !== true && leftKey === key;
      const inRight = r.done !== true && rightKey === key;
      yield [key, inLeft ? l.value[1] : undefined, inRight ? r.value[1] : undefined];
      l = inLeft ? await left.next() : l;
      r = inRight ? await right.next() : r;
    }
  } finally {
    await left.return(undefined);
    await right.return(undefined);
  }
}

type Shown = Pick<Difference, 'expected' | 'found'>;

function differingText(expected: string | undefined, found: string | undefined): Shown | undefined {
  return expected === found ? undefined : { expected: shown(expected), found: shown(found) };
}

function differingJson(expected: string, found: string): Shown | undefined {
  let value: unknown;
  try {
    value = JSON.parse(found);
  } catch {
    return { expected: shown(expected), found: shown(found) };
  }
  const at = firstDiffering(JSON.parse(expected), value, '');
  if (at === undefined) {
    return undefined;
  }
  const [path, wanted, stored] = at;
  const field = path === '' ? '' : `${path} `;
  return {
    expected: shown(wanted === undefined ? undefined : field + JSON.stringify(wanted)),
    found: shown(stored === undefined ? undefined : field + JSON.stringify(stored)),
  };
}

/** Fields in alphabetical order, so that the same difference is named every time. */
function firstDiffering(
  expected: unknown,
  found: unknown,
  path: string,
): [path: string, expected: unknown, found: unknown] | undefined {
  if (!isObject(expected) || !isObject(found) || Array.isArray(expected) !== Array.isArray(found)) {
    return Object.is(expected, found) ? undefined : [path, expected, found];
  }
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  for (const name of names) {
    const at = firstDiffering(expected[name], found[name], path === '' ? name : `${path}.${name}`);
    if (at !== undefined) {
      return at;
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function smaller(a: string | undefined, b: string | undefined): string {
  if (a === undefined || b === undefined) {
    return (a ?? b)!;
  }
  // As LevelDB orders keys: by bytes.
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0 ? a : b;
}

export function shown(text: string | undefined): string {
  if (text === undefined) {
    return NOTHING;
  }
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
}
