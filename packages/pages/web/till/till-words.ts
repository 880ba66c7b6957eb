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
