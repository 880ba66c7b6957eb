/** A question to the node and what came of it: the answer, or words about why there is none. */
import { useEffect, useState } from 'preact/hooks';
import { problemWords } from '../kit/problem-words.ts';
import { Refused } from '../kit/program-api.ts';
import type { PartProps } from './hq-words.ts';

export interface Answered<Answer> {
  readonly answer: Answer | undefined;
  readonly trouble: string;
  readonly again: () => void;
}

export function useAnswer<Answer>(
  { api, language, words }: Pick<PartProps, 'api' | 'language' | 'words'>,
  path: string | undefined,
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
      .catch((error: unknown) => !stop.signal.aborted && setTrouble(saidOf(error, { words, language })));
    return () => stop.abort();
  }, [api, path, turn, words]);
  return { answer, trouble, again: () => setTurn((before) => before + 1) };
}

/** In English the node's own sentence says more; elsewhere it stands behind the words for its code. */
export function saidOf(error: unknown, { words, language }: Pick<PartProps, 'words' | 'language'>): string {
  if (!(error instanceof Refused)) {
    return words.away;
  }
  const { code, message, hint } = error;
  return language === 'en'
    ? words.failed(message, hint)
    : words.failed(problemWords(language, code, message), `(${message})`);
}
