/** A refusal in words. Every code a node or its client may answer has some in every language; the code of a newer node keeps the node's own. */
import type { ClientErrorCode } from '@branchline/client';
import type { ProblemCode } from '@branchline/model';
import { problems as en } from './problems-en.ts';
import { problems as es } from './problems-es.ts';
import { problems as ru } from './problems-ru.ts';
import type { Language, Tables } from './words.ts';

export type ProblemTable = Readonly<Record<ProblemCode | ClientErrorCode, string>>;

const tables: Tables<ProblemTable> = { en, ru, es };

export function problemWords(language: Language, code: string, detail: string): string {
  const known: Readonly<Record<string, string>> = tables[language];
  return Object.hasOwn(known, code) ? known[code]! : `${detail} (${code})`;
}
