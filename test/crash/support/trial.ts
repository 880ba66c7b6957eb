/** One failpoint tried: the program runs into it, the file outside says that it did, and what must hold afterwards is looked at. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { TempDir } from '../../support/temp-dir.ts';
import type { Failpoint } from './failpoint.ts';
import { command, type ProgramOptions } from './program.ts';

let reached = 0;

/** How many points were run into, in this process. */
export function reachedPoints(): number {
  return reached;
}

export interface Trial {
  readonly dir: string;
  /** For the program that is to die. */
  readonly options: ProgramOptions;
}

/** Runs `story`, which starts a program with `options`, and throws unless the point was reached. */
export async function tryPoint(point: Failpoint, story: (trial: Trial) => Promise<void>): Promise<void> {
  await using dir = await TempDir.open('crash');
  const seen = join(dir.path, 'seen');
  await story({ dir: dir.path, options: { failpoint: point, seen } });
  const said = await readFile(seen, 'utf8').catch(() => '');
  assert.is(said, `${point.name}\n`, `${point.name}: reached once`);
  reached += 1;
}

/** Every byte, hash and signature, and of a node every row that follows from them. */
export async function verifyFolder(data: string): Promise<void> {
  const { code, err } = await command(['verify', '--data', data]);
  assert.is(code, 0, `verify ${data}: ${err}`);
}
