/** The tidy checks, on made-up trees: each finds what it is for, and stays quiet on what looks alike. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkBanned } from './tidy/banned.ts';
import { checkErrorCodes } from './tidy/error-codes.ts';
import { largestFiles, largestFunctions } from './tidy/largest.ts';
import { checkLayers } from './tidy/layers.ts';
import { checkLinks } from './tidy/links.ts';
import { checkNames } from './tidy/names.ts';
import { checkReferences } from './tidy/references.ts';
import { sourceFile } from './tidy/source-file.ts';
import { checkTestFiles } from './tidy/test-files.ts';
import { describe, type Finding, type Manifest, type Tree } from './tidy/tree.ts';

const test = suite('tidy checks');

function manifest(
  folder: string,
  name: string,
  dependencies: string[],
  devDependencies: string[] = [],
): Manifest {
  return { folder, name, dependencies, devDependencies, entries: [`${folder}/src/index.ts`] };
}

function treeOf(files: Record<string, string>, manifests: readonly Manifest[] = []): Tree {
  const entries = Object.entries(files);
  return {
    sources: entries.filter(([path]) => path.endsWith('.ts')).map(([path, text]) => sourceFile(path, text)),
    pages: entries.filter(([path]) => path.endsWith('.md')).map(([path, text]) => ({ path, text })),
    manifests,
    paths: new Set(entries.map(([path]) => path)),
  };
}

function lines(findings: readonly Finding[]): string {
  return findings.map(describe).join('\n');
}

const MANIFESTS = [
  manifest('', 'branchline', [], ['uvu', 'fast-check']),
  manifest('packages/feed', '@branchline/feed', ['hlc-ts', 'cbor-x', '@branchline/wire']),
  manifest('packages/wire', '@branchline/wire', ['ws']),
  manifest('packages/hlc-ts', 'hlc-ts', []),
  manifest('fixtures', '@branchline/fixtures', ['@branchline/feed']),
];

function imports(path: string, ...specifiers: string[]): string {
  const text = specifiers.map((specifier, at) => `import { a${at} } from '${specifier}';`).join('\n');
  return lines(checkLayers(treeOf({ [path]: text }, MANIFESTS)));
}

test('layers: what the table allows is quiet', () => {
  assert.is(imports('packages/feed/src/a.ts', 'hlc-ts', 'cbor-x', './b.ts', 'node:crypto'), '');
  assert.is(imports('packages/feed/src/node-disk.ts', 'node:fs/promises'), '');
  assert.is(
    imports('test/a.test.ts', '@branchline/feed', '@branchline/feed/acceptance', 'uvu', 'ws', 'node:net'),
    '',
  );
  assert.is(
    imports(
      'packages/feed/test/a.test.ts',
      '../src/index.ts',
      '../../../test/support/x.ts',
      '@branchline/fixtures',
      'uvu',
    ),
    '',
  );
});

test('layers: a forbidden neighbour, declared or not', () => {
  assert.match(
    imports('packages/feed/src/a.ts', '@branchline/wire'),
    /a\.ts:1 .*may not import @branchline\/wire/,
  );
  assert.match(
    imports('packages/feed/test/a.test.ts', '@branchline/wire'),
    /may not import @branchline\/wire/,
  );
});

test('layers: dynamic, re-exported and side-effect imports count', () => {
  for (const text of [
    `const wire = await import('@branchline/wire');`,
    `export { x } from '@branchline/wire';`,
    `import '@branchline/wire';`,
    `import type { X } from '@branchline/wire';`,
  ]) {
    assert.match(
      lines(checkLayers(treeOf({ 'packages/feed/src/a.ts': text }, MANIFESTS))),
      /may not import/,
      text,
    );
  }
  const alike = `Buffer.from('@branchline/wire'); Array.from ('x');`;
  assert.is(lines(checkLayers(treeOf({ 'packages/feed/src/a.ts': alike }, MANIFESTS))), '');
  const prose = `// taken from '@branchline/wire'\nconst words = "import '@branchline/wire'";`;
  assert.is(lines(checkLayers(treeOf({ 'packages/feed/src/a.ts': prose }, MANIFESTS))), '');
});

test('layers: deep, sideways, own index, own name, undeclared, built-in', () => {
  assert.match(imports('test/a.ts', '@branchline/feed/src/journal.ts'), /reaches into a package/);
  assert.match(imports('packages/feed/src/a.ts', '../../wire/src/b.ts'), /leaves packages\/feed/);
  assert.match(imports('packages/feed/src/a.ts', '../../../test/support/x.ts'), /leaves packages\/feed/);
  assert.match(imports('packages/feed/src/a.ts', './index.ts'), /imports its own index/);
  assert.match(imports('packages/feed/src/a.ts', '@branchline/feed'), /imports its own package by name/);
  assert.match(imports('packages/feed/src/a.ts', 'lodash'), /lodash is not a dependency/);
  assert.match(imports('packages/feed/src/a.ts', './b'), /has no extension/);
  assert.match(
    imports('packages/feed/src/a.ts', 'node:fs'),
    /node:fs belongs in packages\/feed\/src\/node-disk.ts/,
  );
  assert.match(imports('packages/hlc-ts/src/a.ts', 'node:crypto'), /may not use node:crypto/);
  assert.match(imports('packages/new/src/a.ts', 'hlc-ts'), /has no row/);
});

function banned(path: string, text: string): string {
  return lines(checkBanned([sourceFile(path, text)]));
}

test('banned words: found in code, with what to use instead', () => {
  assert.match(banned('node/src/a.ts', 'let a;\nconst t = Date.now();'), /a\.ts:2 .*use Clock\.nowMs\(\)/);
  const all = [
    'new Date(1)',
    'setTimeout(f)',
    'setInterval(f)',
    'setImmediate(f)',
    'performance.now()',
    'Math.random()',
  ];
  all.push(
    'console.log(1)',
    'process.env.X',
    'x as any',
    '// @ts-ignore',
    'export default 1',
    'systemClock()',
  );
  all.push("export * from './a.ts'", '// FIXME', '`$' + '{Date.now()}`');
  for (const text of all) {
    assert.match(banned('node/src/a.ts', text), /is banned here; use \w+/, text);
  }
});

test('banned words: quiet at home, in prose and in look-alikes', () => {
  assert.is(banned('packages/hlc-ts/src/system-clock.ts', 'Date.now(); setTimeout(f); Math.random();'), '');
  assert.is(banned('node/src/main.ts', 'process.env.X; systemClock();'), '');
  assert.is(banned('node/test/a.test.ts', 'new Date(1);'), '');
  const prose = [
    '// Date.now',
    '/* setTimeout */',
    '"console.log"',
    '`setTimeout $' + '{a} Date.now`',
    '/Date.now/',
  ];
  prose.push("const a = 'it\\'s'; const b = 'Date.now'", 'clearTimeoutLater()', 'a / 2; "Date.now" / 1');
  for (const text of prose) {
    assert.is(banned('node/src/a.ts', text), '', text);
  }
  assert.match(banned('node/test/a.test.ts', 'setTimeout(f, 100)'), /until\(\)/);
});

test('names: hiding words and other cases', () => {
  assert.is(
    lines(checkNames(['a/feed-writer.ts', 'a/feed-writer.test.ts', 'a/README.md', 'a/x.config.ts'])),
    '',
  );
  assert.match(lines(checkNames(['a/sync-manager.ts'])), /"manager" hides/);
  assert.match(lines(checkNames(['a/utils.ts'])), /"utils" hides/);
  assert.match(lines(checkNames(['a/feedWriter.ts'])), /kebab-case/);
});

test('test files: run, not focused', () => {
  const check = (text: string) => lines(checkTestFiles([sourceFile('a/test/a.test.ts', text)]));
  assert.is(check(`const test = suite('a'); test('x', f); test.run();`), '');
  assert.match(check(`const test = suite('a'); test('x', f); // test.run()`), /never calls test\.run\(\)/);
  assert.match(
    check(`const one = suite('1'); const two = suite('2'); one.run();`),
    /never calls two\.run\(\)/,
  );
  assert.match(check(`import { test } from 'uvu'; test('x', f);`), /never calls test\.run\(\)/);
  assert.match(check('one();'), /makes no suite/);
  assert.match(check(`const test = suite('a'); test.only('x', f); test.run();`), /focused/);
});

test('error codes: documented and tested', () => {
  const check = (page: string, testText: string) =>
    lines(
      checkErrorCodes(
        treeOf({
          'packages/feed/src/errors.ts': `type Code = 'FEED_GAP' | 'FEED_FORK'; // 'FEED_OLD'`,
          'packages/feed/README.md': page,
          'packages/feed/test/a.test.ts': testText,
        }),
      ),
    );
  assert.is(check('`FEED_GAP`, FEED_FORK', 'code FEED_GAP FEED_FORK'), '');
  assert.match(
    check('FEED_GAP', 'FEED_GAP FEED_FORK'),
    /README\.md {2}does not document the error code FEED_FORK/,
  );
  assert.match(check('FEED_GAP FEED_FORK', 'FEED_GAP FEED_FORKED'), /FEED_FORK appears in no test/);
});

test('references: by import, by name, by manifest, or not at all', () => {
  const files = {
    'packages/feed/src/index.ts': `export { a } from './a.ts'; new URL('./worker.js', import.meta.url);`,
    'packages/feed/src/a.ts': '',
    'packages/feed/src/worker.ts': '',
    'packages/feed/src/main.ts': '',
    'packages/feed/src/lost.ts': `// './a.ts'`,
    'packages/feed/test/a.test.ts': '',
  };
  assert.is(
    lines(checkReferences(treeOf(files, MANIFESTS))),
    'packages/feed/src/lost.ts  nothing refers to it: delete it, or say where it is used',
  );
});

test('links: files, folders and headings', () => {
  const files = {
    'README.md':
      '[a](docs/a.md) [b](docs/a.md#two-words-and-more) [c](https://x.y/z) [d](#top)\n# Top\n```\n[x](no.md)\n```',
    'docs/a.md': '## Two `words`, and more\n[up](../README.md)\n',
  };
  assert.is(lines(checkLinks(treeOf(files))), '');
  const broken = { 'README.md': 'x\n[a](gone.md) [b](#nowhere)' };
  assert.is(
    lines(checkLinks(treeOf(broken))),
    'README.md:2  the link gone.md leads nowhere\nREADME.md:2  the link #nowhere names a heading that is not there',
  );
});

test('the largest: files by lines, functions by their braces', () => {
  const text = [
    'export class A {',
    '  async #open<T>(a: { b: T }, c = f()): Promise<void> {',
    '    if (a) {',
    '      g("}");',
    '    }',
    '  }',
    '}',
    'const h = (x: number): number => {',
    '  return x;',
    '};',
  ].join('\n');
  const file = sourceFile('a.ts', `${text}\n`);
  assert.equal(largestFiles([file], 5), [{ name: 'a.ts', lines: 10 }]);
  assert.equal(largestFunctions([file], 5), [
    { name: 'a.ts:2 #open', lines: 5 },
    { name: 'a.ts:8 h', lines: 3 },
  ]);
});

test.run();
