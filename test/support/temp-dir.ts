/**
 * A fresh folder below the system's temporary one, and its removal: `await using dir = await TempDir.open('relay')`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class TempDir {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async open(name: string): Promise<TempDir> {
    return new TempDir(await mkdtemp(join(tmpdir(), `branchline-${name}-`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
