/** A question to the node and what came of it: the answer, or words about why there is none. */
import { useEffect, useState } from 'preact/hooks';
import { type ProgramApi, Refused } from '../kit/program-api.ts';
import type { HqWords } from './hq-words.ts';

export interface Answered<Answer> {
  readonly answer: Answer | undefined;
  readonly trouble: string;
  readonly again: () => void;
}

export function useAnswer<Answer>(
  api: ProgramApi,
  path: string | undefined,
  words: HqWords,
): Answered<Answer> {
  const [answer, setAnswer] = useState<Answer>();
  const [trouble, setTrouble] = useState('');
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === undefined) {
      return;
    }
    const stop = new AbortController();
    api
      .call<Answer>(path, { signal: stop.signal })
      .then((found) => {
        setAnswer(found);
        setTrouble('');
      })
      .catch((error: unknown) => !stop.signal.aborted && setTrouble(saidOf(error, words)));
    return () => stop.abort();
  }, [api, path, turn, words]);
  return { answer, trouble, again: () => setTurn((before) => before + 1) };
}

export function saidOf(error: unknown, words: HqWords): string {
  return error instanceof Refused ? words.failed(error.message, error.hint) : words.away;
}
