/**
 * Answers given under an Idempotency-Key: the memory behind "the same key, the same answer" (G2), for as long as `AnswerAge` keeps
 * them.
 *
 * Reads `request` entries of this node's `local/answers` feeds, which no peer ever sees, and of `local` where earlier programs
 * wrote them. Rows hold fingerprint, status and the
 * answer's JSON text; lookups of a whole group are one read.
 */
import { eventBodies } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import type { StoredAnswer } from '../commit/commit-pipeline.ts';
import { KeyFilter } from './key-filter.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

/** Where this node keeps the answers it gave; below `local`, so it never leaves the machine. */
export const ANSWERS_COLLECTION = 'local/answers';
/** Keys learnt before others get their turn. */
const LEARNT_AT_ONCE = 1_000;
const ANSWER_ROWS = rowKeys.answer('');

export class Answers implements Projection {
  readonly kinds = ['request'];
  readonly #rows: Rows;
  readonly #filter = new KeyFilter();
  /** True once the filter knows every key that has a row. */
  #isLearnt = false;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.collection !== ANSWERS_COLLECTION && entry.collection !== 'local') {
      return;
    }
    const body =
      entry.local && !entry.replayed ? (entry.body as RequestBody) : eventBodies.request.parse(entry.body);
    const { key, fingerprint, status, answer } = body;
    this.#filter.add(key);
    // Answer last and unescaped: it is most of the row and already text.
    this.#rows.putText(rowKeys.answer(key), `${status} ${fingerprint} ${answer}`);
  }

  /** Called with the body of an entry that is about to be pruned. */
  forget(body: unknown): void {
    const { key } = body as Partial<RequestBody>;
    if (typeof key === 'string') {
      this.#rows.remove(rowKeys.answer(key));
    }
  }

  /**
   * Learns all keys there are, in the background of a start: from then on a new key costs no read. Called once, after the rows
   * are level. Gives up when `signal` aborts.
   */
  async learn(clock: Pick<Clock, 'yield'>, signal: AbortSignal): Promise<void> {
    let from = ANSWER_ROWS;
    for (;;) {
      const keys = await this.#rows.keys({ after: from, below: after(ANSWER_ROWS), limit: LEARNT_AT_ONCE });
      for (const key of keys) {
        this.#filter.add(key.slice(ANSWER_ROWS.length));
      }
      if (keys.length < LEARNT_AT_ONCE) {
        this.#isLearnt = true;
        return;
      }
      from = keys.at(-1)!;
      await clock.yield();
      if (signal.aborted) {
        return;
      }
    }
  }

  async find(keys: readonly string[]): Promise<(StoredAnswer | undefined)[]> {
    const known = this.#isLearnt ? keys.filter((key) => this.#filter.mayHave(key)) : keys;
    if (known.length === 0) {
      return keys.map(() => undefined);
    }
    const texts = await this.#rows.getTexts(known.map(rowKeys.answer));
    const found = new Map(known.map((key, at) => [key, texts[at]]));
    return keys.map((key) => {
      const text = found.get(key);
      return text === undefined ? undefined : parseAnswer(text);
    });
  }
}

interface RequestBody {
  readonly key: string;
  readonly fingerprint: string;
  readonly status: number;
  readonly answer: string;
}

function parseAnswer(text: string): StoredAnswer {
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  return {
    status: Number(text.slice(0, first)),
    fingerprint: text.slice(first + 1, second),
    answer: text.slice(second + 1),
  };
}
