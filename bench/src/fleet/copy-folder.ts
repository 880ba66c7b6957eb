/**
 * A working copy of prepared folders: what is never written again (database tables, the ballast) is shared by hard links, the rest is
 * copied, so that a fleet of hundreds of nodes is ready in seconds and the prepared one stays as it was.
 */
import { copyFile, link, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const IMMUTABLE = /(\.ldb|^ballast)$/;
/** Of the process that wrote them. */
const LEFT_OUT = new Set(['LOCK', 'control.json']);

export async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await copyFolder(source, target);
    } else if (IMMUTABLE.test(entry.name)) {
      await link(source, target);
    } else if (!LEFT_OUT.has(entry.name)) {
      await copyFile(source, target);
    }
  }
}
