/**
 * Answers given under an Idempotency-Key: the memory behind "the same key, the same answer" (G2), for as long as `AnswerAge` keeps
 * them.
 *
 * Reads `request` entries of this node's `local/answers` feeds, which no peer ever sees, and of `local` where earlier programs
 * wrote them. Rows hold fingerprint, status and the
 * answer's JSON text; lookups of a whole group are one read.
 */
import { eventBodies } from '@branchline/model';
import type { StoredAnswer } from '../commit/commit-pipeline.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

/** Where this node keeps the answers it gave; below `local`, so it never leaves the machine. */
export const ANSWERS_COLLECTION = 'local/answers';

export class Answers implements Projection {
  readonly kinds = ['request'];
  readonly #rows: Rows;

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

  async find(keys: readonly string[]): Promise<(StoredAnswer | undefined)[]> {
    const texts = await this.#rows.getTexts(keys.map(rowKeys.answer));
    return texts.map((text) => (text === undefined ? undefined : parseAnswer(text)));
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
