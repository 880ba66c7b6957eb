/**
 * Whatever a program may say by code, the pages say in words, in every language.
 *
 * The codes come from the source of the programs, so a new one without words fails here (those of refusals and of catalog files do not
 * even compile). Where a code comes from is told from the text of the call: a call this test cannot read fails it, too.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hqWords } from '../web/hq/hq-words.ts';
import { knownWords, nodeWords } from '../web/kit/node-words.ts';
import { problemWords } from '../web/kit/problem-words.ts';
import { registerWords, troubleWords } from '../web/kit/register-words.ts';
import { languages } from '../web/kit/words.ts';

const ROOT = new URL('../../../', import.meta.url);
const CODE = /^[A-Z][A-Z_]+$/;

/** Calls that name no code of their own, by file: where theirs comes from is read as well. */
const PASSED_ON: Readonly<Record<string, string>> = {
  'node/src/alarms.ts': 'the definition',
  'node/src/fiscal/open-fiscal.ts': 'COUNTDOWN_ALARMS and onAlarm of the watch',
  'node/src/succession/succession-alarms.ts': 'its own raise',
  'node/src/sync/news.ts': 'what a peer said: its words are all there is',
  'node/src/node.ts': 'ACT_ON',
  'relay/src/news.ts': 'what replication found or a peer said: its words are all there is',
};

const sources = (folder: string): [string, string][] =>
  readdirSync(new URL(folder, ROOT), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [
      `${folder}/${name}`,
      readFileSync(fileURLToPath(new URL(`${folder}/${name}`, ROOT)), 'utf8'),
    ]);

const quoted = (text: string): string[] => [...text.matchAll(/'([A-Z][A-Z_]+)'/g)].map(([, code]) => code!);

/** Codes of all alarms of a program, and the calls nobody can read. */
function alarmCodes(files: readonly [string, string][]): { codes: Set<string>; unread: string[] } {
  const codes = new Set<string>();
  const unread: string[] = [];
  const all = files.map(([, text]) => text).join('\n');
  for (const [name, text] of files) {
    for (const [, code] of text.matchAll(/\b(?:raise|onAlarm|alarm)\(\s*([\w'.]+)/g)) {
      const literal = /^'(.*)'$/.exec(code!)?.[1];
      const named = literal ?? new RegExp(`const ${code} = '([A-Z_]+)'`).exec(all)?.[1];
      if (named !== undefined && CODE.test(named)) {
        codes.add(named);
      } else if (!Object.hasOwn(PASSED_ON, name)) {
        unread.push(`${name}: ${code}`);
      }
    }
    for (const [, table] of text.matchAll(/\b(?:COUNTDOWN_ALARMS|ACT_ON)\b[^=;]*=([^;]*);/g)) {
      for (const code of quoted(table!)) {
        codes.add(code);
      }
    }
    for (const [, code] of text.matchAll(/\bcode: '(FEED_[A-Z]+)',\s*detail/g)) {
      codes.add(code!);
    }
  }
  return { codes, unread };
}

const test = suite('words');

test('every alarm a node or a relay can raise has words in every language', () => {
  const { codes, unread } = alarmCodes([...sources('node/src'), ...sources('relay/src')]);
  assert.equal(unread, [], 'read these calls here, or name the code in them');
  for (const sure of ['SHIFT_LONG', 'KKT_CLOCK', 'OFD_LATE', 'PEER_REVOKED', 'BOOKS_DIFFER', 'FEED_FORK']) {
    assert.ok(codes.has(sure), `the test no longer finds ${sure}`);
  }
  for (const language of languages) {
    const wordless = [...codes].filter((code) => !knownWords(language, 'alarms', code));
    assert.equal(wordless, [], language);
  }
});

test('an alarm nobody can read fails', () => {
  const { codes, unread } = alarmCodes([
    ['new.ts', "alarms.raise(codeOf(fault), 'x'); alarms.raise(\n 'BRAND_NEW', y);"],
  ]);
  assert.equal([...codes], ['BRAND_NEW']);
  assert.equal(unread, ['new.ts: codeOf']);
});

test('every trouble a driver of a register can tell has words in every language', () => {
  const [, text] = sources('packages/fiscal/src').find(([name]) => name.endsWith('/src/errors.ts'))!;
  const codes = [...text.matchAll(/^ {2}(KKT_[A-Z_]+): advice/gm)].map(([, code]) => code!);
  assert.ok(codes.length > 30, `${codes.length} codes`);
  for (const language of languages) {
    assert.equal(
      codes.filter((code) => !Object.hasOwn(registerWords[language].troubles, code)),
      [],
      language,
    );
  }
});

test('words of the languages differ, and none is empty', () => {
  for (const tables of [nodeWords, registerWords, hqWords]) {
    const [english, russian, spanish] = languages.map((language) => texts(tables[language]));
    assert.is(english!.length, russian!.length);
    assert.equal(
      english!.filter((text, at) => text === '' || russian![at] === '' || spanish![at] === ''),
      [],
    );
    const untranslated = english!.filter((text, at) => /[a-z]{4}/.test(text) && text === russian![at]);
    assert.equal(untranslated, []);
  }
});

test('a code the pages do not know keeps the words of the node', () => {
  assert.match(problemWords('ru', 'PAYMENT_SHORT', 'x'), 'Оплата');
  assert.is(problemWords('ru', 'SOMETHING_NEW', 'new'), 'new (SOMETHING_NEW)');
  assert.match(troubleWords('ru', 'KKT_NEW'), 'KKT_NEW');
  assert.match(troubleWords('ru', 'KKT_PAPER_OUT'), 'бумага');
});

function texts(table: object): string[] {
  return Object.values(table).flatMap((value: unknown): string[] =>
    typeof value === 'string' ? [value] : typeof value === 'object' && value !== null ? texts(value) : [],
  );
}

test.run();
