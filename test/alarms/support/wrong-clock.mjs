/** Loaded into a program before its first line: its wall clock is off by the milliseconds in the file `WRONG_CLOCK`, read twice a second. */
import { readFileSync, watchFile } from 'node:fs';

const file = process.env.WRONG_CLOCK ?? '';
let shiftMs = 0;
const look = () => {
  try {
    shiftMs = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    // Not there: right.
    shiftMs = 0;
  }
};
look();
watchFile(file, { interval: 500 }, look).unref();
const now = Date.now.bind(Date);
Date.now = () => now() + shiftMs;
