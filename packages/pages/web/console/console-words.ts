/** Words of the console, by language. */
import type { TableOf, Tables } from '../kit/words.ts';
import { en } from './words-en.ts';
import { es } from './words-es.ts';
import { ru } from './words-ru.ts';

export type ConsoleWords = TableOf<typeof en>;

export const consoleWords: Tables<ConsoleWords> = { en, ru, es };
