/**
 * Answers given under an Idempotency-Key: the memory behind "the same key, the same answer, for ever" (G2).
 *
 * Reads `request` entries of this node's `local` feeds, which no peer ever sees. Rows hold fingerprint, status and the
 * answer's JSON text; lookups of a whole group are one read.
 */
import { eventBodies } from '@branchline/model';
import type { StoredAnswer } from '../commit/commit-pipeline.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

export class Answers implements Projection {
  readonly kinds = ['request'];
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.collection !== 'local') {
      return;
    }
    const body =
      entry.local && !entry.replayed ? (entry.body as RequestBody) : eventBodies.request.parse(entry.body);
    const { key, fingerprint, status, answer } = body;
    // Answer last and unescaped: it is most of the row and already text.
    this.#rows.putText(rowKeys.answer(key), `${status} ${fingerprint} ${answer}`);
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
