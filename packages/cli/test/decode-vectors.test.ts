/** S-14: `branchline fiscal decode` over every published vector: the keys and values on standard output are the vector's own. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { branchline } from './support/command-line.ts';

const FIXTURES = '../../fiscal/test/fixtures';
const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`${FIXTURES}/${name}-vectors.json`, import.meta.url), 'utf8')).vectors;

const test = suite('fiscal decode');

const AS: Readonly<Record<string, string>> = {
  sessionHeader: 'session',
  sessionMessage: 'session',
  containerHeader: 'container',
  documentTlv: 'document',
};

interface OfdVector {
  readonly id: string;
  readonly kind: string;
  readonly hex: string;
  readonly decoded: unknown;
}

for (const { id, kind, hex, decoded } of read('ofd') as OfdVector[]) {
  const as = AS[kind];
  if (as !== undefined) {
    test(`${id}: the keys are the vector's own`, async () => {
      const { code, out, err } = await branchline(['fiscal', 'decode', '--as', as, '--json'], { input: hex });
      assert.equal([code, err], [0, '']);
      assert.equal(JSON.parse(out), decoded);
    });
  }
}

for (const { id, hex } of (read('ofd') as OfdVector[]).filter(({ kind }) => kind === 'negative')) {
  test(`${id}: one line with a code, or a document`, async () => {
    const { code, out, err } = await branchline(['fiscal', 'decode', '--as', 'session', '--json'], {
      input: hex,
    });
    assert.ok(code === 0 ? JSON.parse(out).fn !== undefined : /^error [A-Z_]+: .+\n$/.test(err), err);
  });
}

for (const { id, proto, request, reply } of read('shtrih') as Record<string, string>[]) {
  for (const [side, hex] of Object.entries({ request, reply })) {
    if (typeof hex === 'string' && hex !== '') {
      test(`Shtrih ${id}, ${side}: is taken apart`, async () => {
        const { code, out, err } = await branchline(
          ['fiscal', 'decode', '--as', `shtrih-${proto}`, '--json'],
          { input: hex },
        );
        assert.is(code, 0, err);
        assert.type(JSON.parse(out), 'object');
      });
    }
  }
}

for (const { cmd, requestHex, replyHex } of read('pirit') as Record<string, string>[]) {
  test(`Pirit ${cmd}: question and answer are taken apart`, async () => {
    for (const hex of [requestHex, replyHex]) {
      const { code, err } = await branchline(['fiscal', 'decode', '--as', 'pirit', '--json'], {
        input: hex!,
      });
      assert.is(code, 0, err);
    }
  });
}

test.run();
