/**
 * Words that have one home. Each row says where the word may stand and what to write instead elsewhere.
 */
import { lineAt, type SourceFile } from './source-file.ts';
import type { Finding } from './tree.ts';

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Paths where the word is at home. */
  readonly homes: readonly RegExp[];
  /** Look at the whole text, comments included. */
  readonly everywhere?: boolean;
}

const HLC = /^packages\/hlc-ts\/src\//;
const MAIN = /(^|\/)src\/main\.ts$/;
const TESTS = /(^|\/)test\//;
/** Waiting for another process is real waiting; it is done in one file. */
const WITHIN = /^test\/support\/within\.ts$/;
const BENCH = /^bench\/src\//;
/** Code that runs in a browser, and what its tests send there, has the browser's clock, dice and timers. */
const BROWSER = /(^|\/)web\/|^test\/browser\/|^test\/support\/page-checks\.ts$/;

/** What a tool reads by its default export. */
const SETTINGS = /\.config\.ts$/;

const CLOCK_HOMES = [HLC, WITHIN, BROWSER];
const timer = (name: string, instead: string): Ban => ({
  pattern: new RegExp(`\\b${name}\\b`, 'g'),
  instead,
  homes: CLOCK_HOMES,
});

export const BANS: readonly Ban[] = [
  {
    pattern: /\bDate\.now\b/g,
    instead: 'Clock.nowMs() of hlc-ts, handed in',
    homes: [...CLOCK_HOMES, TESTS],
  },
  {
    pattern: /\bnew Date\b/g,
    instead: 'milliseconds, and isoTime(ms) of hlc-ts for text',
    homes: [...CLOCK_HOMES, TESTS],
  },
  timer(
    'setTimeout',
    'Clock.sleep or Clock.setTimer of hlc-ts; in tests ManualClock, or until() for a process',
  ),
  timer('setInterval', 'a run(signal) loop over Clock.sleep'),
  timer('setImmediate', 'Clock.yield of hlc-ts'),
  {
    pattern: /\bAbortSignal\.any\b/g,
    instead: 'linkAborts or doze of hlc-ts: what is held weakly wakes up when the collector lets it',
    homes: [HLC, BROWSER, TESTS],
  },
  { pattern: /\bperformance\./g, instead: 'Clock.monotonicMs() of hlc-ts', homes: CLOCK_HOMES },
  { pattern: /\bMath\.random\b/g, instead: 'the Random port of hlc-ts, handed in', homes: [HLC, BROWSER] },
  {
    pattern: /\bsystemClock\(/g,
    instead: 'a Clock handed in; only main.ts makes the real one',
    homes: [HLC, MAIN, TESTS, BENCH],
  },
  {
    pattern: /\bsystemRandom\(/g,
    instead: 'a Random handed in; only main.ts makes the real one',
    homes: [HLC, MAIN, TESTS, BENCH],
  },
  {
    pattern: /\bconsole\./g,
    instead: 'the logger handed in; output of a program goes to process.stdout',
    homes: [],
  },
  {
    pattern: /\bprocess\.env\b/g,
    instead: 'configuration handed in; only main.ts reads the environment',
    homes: [MAIN, TESTS],
  },
  { pattern: /\bas any\b/g, instead: 'a type, or unknown and a parser', homes: [] },
  { pattern: /@ts-(ignore|nocheck)/g, instead: 'a type that fits', homes: [], everywhere: true },
  { pattern: /\bexport default\b/g, instead: 'a named export', homes: [SETTINGS] },
  { pattern: /\bexport \*/g, instead: 'the names, one by one', homes: [] },
  { pattern: /\b(FIXME|XXX)\b/g, instead: 'the fix', homes: [], everywhere: true },
];

/** The checks and their tests must name what they look for. */
const EXEMPT = /^test\/tidy/;

export function checkBanned(sources: readonly SourceFile[], bans: readonly Ban[] = BANS): Finding[] {
  const findings: Finding[] = [];
  for (const file of sources) {
    if (EXEMPT.test(file.path)) {
      continue;
    }
    for (const ban of bans) {
      if (ban.homes.some((home) => home.test(file.path))) {
        continue;
      }
      const text = ban.everywhere ? file.text : file.code;
      for (const match of text.matchAll(ban.pattern)) {
        const line = lineAt(text, match.index);
        findings.push({ path: file.path, line, message: `${match[0]} is banned here; use ${ban.instead}` });
      }
    }
  }
  return findings;
}
