/** Words of head office, by language. */

import type { ProgramApi } from '../kit/program-api.ts';
import type { Language, TableOf, Tables } from '../kit/words.ts';
import { en } from './words-en.ts';
import { es } from './words-es.ts';
import { ru } from './words-ru.ts';

export type HqWords = TableOf<typeof en>;
export const hqWords: Tables<HqWords> = { en, ru, es };

/** What every part of the page is given. */
export interface PartProps {
  readonly api: ProgramApi;
  readonly language: Language;
  readonly words: HqWords;
  /** Which of them the address names, e.g. `#conflicts/ID`. */
  readonly about?: string | undefined;
  /** The catalog may be changed here. */
  readonly isOffice: boolean;
}
