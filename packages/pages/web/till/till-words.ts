/** The words of the till in every language; a word missing in one of them does not compile. */
import type { Language, TableOf, Tables } from '../kit/words.ts';
import { en } from './words-en.ts';
import { es } from './words-es.ts';
import { ru } from './words-ru.ts';

export type TillWords = TableOf<typeof en>;

export const tillWords: Tables<TillWords> = { en, ru, es };

/** Language and its words together, as every part of the page needs them. */
export interface Speech {
  readonly language: Language;
  readonly words: TillWords;
}

/** A refusal in words; codes the page does not know keep the node's own. */
export function problemWords(words: TillWords, code: string, detail: string): string {
  const known: Readonly<Record<string, string>> = words.problems;
  return Object.hasOwn(known, code) ? known[code]! : words.problemOther(code, detail);
}

export function troubleWords(words: TillWords, code: string): string {
  const known: Readonly<Record<string, string>> = words.troubles;
  return Object.hasOwn(known, code) ? known[code]! : words.troubleOther(code);
}
