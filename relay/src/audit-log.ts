/**
 * What operators did: who, what, when, to whom, and how it ended. One JSON object a line in `audit.jsonl`, synced before the operator
 * gets the answer, never shortened.
 *
 *     { n, at, who, what, subject, outcome, previous, hash }      hash = SHA-256(the line without it, which names the previous)
 *
 * Each line carries the hash of the one before, so a line that was changed or taken out shows: `isIntact` is false from then on, and
 * the console says so. A line cut off by a power cut is dropped at open. It does not stop anybody who may write the file from
 * writing all of it anew.
 */
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { isoTime } from 'hlc-ts';
import { z } from 'zod';

/** Latest acts held in memory and shown; older ones are in the file. */
export const ACTS_SHOWN_MAX = 1_000;
const SUBJECT_CHARS_MAX = 400;
const START = '0'.repeat(64);

const line = z.strictObject({
  n: z.int(),
  at: z.string(),
  who: z.string(),
  what: z.string(),
  subject: z.string(),
  outcome: z.string(),
  previous: z.string(),
  hash: z.string(),
});

export interface Act {
  readonly who: string;
  /** In the words of the API: `branch.add`, `branch.revoke`, `operator.add`. */
  readonly what: string;
  readonly subject: string;
  /** `done`, or the code of the refusal. */
  readonly outcome: string;
}
export type KeptAct = z.infer<typeof line>;

export class AuditLog {
  readonly #path: string;
  readonly #nowMs: () => number;
  readonly #acts: KeptAct[];
  #last: { readonly n: number; readonly hash: string };
  #isIntact: boolean;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(path: string, nowMs: () => number, read: ReadBack) {
    this.#path = path;
    this.#nowMs = nowMs;
    this.#acts = read.acts.slice(-ACTS_SHOWN_MAX);
    const last = read.acts.at(-1);
    this.#last = last === undefined ? { n: 0, hash: START } : { n: last.n, hash: last.hash };
    this.#isIntact = read.isIntact;
  }

  static async open(path: string, nowMs: () => number): Promise<AuditLog> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') {
        throw error;
      }
      return '';
    });
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) {
      await cut(path, Buffer.byteLength(whole));
    }
    return new AuditLog(path, nowMs, readBack(whole));
  }

  get isIntact(): boolean {
    return this.#isIntact;
  }

  /** Latest first. */
  latest(limit: number): readonly KeptAct[] {
    return this.#acts.slice(-limit).reverse();
  }

  /** Resolves once it is on the disk. */
  async add(act: Act): Promise<void> {
    const done = this.#turn.then(() => this.#write(act));
    this.#turn = done.catch(() => undefined);
    await done;
  }

  async #write({ who, what, subject, outcome }: Act): Promise<void> {
    const body = {
      n: this.#last.n + 1,
      at: isoTime(this.#nowMs()),
      who,
      what,
      subject: subject.slice(0, SUBJECT_CHARS_MAX),
      outcome,
      previous: this.#last.hash,
    };
    const kept = { ...body, hash: hashOf(body) };
    const file = await open(this.#path, 'a', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(kept)}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#last = kept;
    this.#acts.push(kept);
    if (this.#acts.length > ACTS_SHOWN_MAX) {
      this.#acts.shift();
    }
  }
}

interface ReadBack {
  readonly acts: KeptAct[];
  readonly isIntact: boolean;
}

function readBack(text: string): ReadBack {
  const acts: KeptAct[] = [];
  let previous = START;
  let isIntact = true;
  for (const row of text.split('\n').filter((row) => row !== '')) {
    const parsed = line.safeParse(jsonOf(row));
    if (!parsed.success) {
      isIntact = false;
      continue;
    }
    const { hash, ...body } = parsed.data;
    isIntact &&= body.previous === previous && hash === hashOf(body);
    previous = hash;
    acts.push(parsed.data);
  }
  return { acts, isIntact };
}

function hashOf(body: Omit<KeptAct, 'hash'>): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

function jsonOf(row: string): unknown {
  try {
    return JSON.parse(row);
  } catch {
    return undefined;
  }
}

async function cut(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}
