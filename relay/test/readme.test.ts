/** The example of the README, run as it stands. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('relay readme');
const here = fileURLToPath(new URL('.', import.meta.url));

test('the example works', async () => {
  const readme = await readFile(join(here, '../README.md'), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
  assert.ok(example.trimEnd().split('\n').length <= 15);
  // Below node_modules, where the names resolve and nobody looks.
  const folder = join(here, '../../node_modules/.cache/branchline-readme', String(process.pid));
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'relay-example.mts');
  const text = example.replaceAll("'relay-data'", JSON.stringify(join(folder, 'relay-data')));
  await writeFile(file, `${text}\nexport const status = answer.status;\n`);
  try {
    const { status } = (await import(pathToFileURL(file).href)) as { status: number };
    assert.is(status, 201);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
