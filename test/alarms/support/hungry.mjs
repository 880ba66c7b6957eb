/** Loaded into a program before its first line: it takes 600 MB and keeps them as soon as the file `HUNGRY` is there, looked for twice a second. */
import { existsSync, watchFile } from 'node:fs';

const file = process.env.HUNGRY ?? '';
const MEGABYTES = 600;
const kept = [];
const look = () => {
  if (existsSync(file) && kept.length === 0) {
    kept.push(Buffer.alloc(MEGABYTES * 1024 * 1024, 1));
  }
};
look();
watchFile(file, { interval: 500 }, look).unref();
