/** The hybrid clock's upper bound in a file of the data directory: 16 hex digits. */
import { join } from 'node:path';
import { parseStamp, type UpperBoundStore, ZERO_STAMP } from 'hlc-ts';
import { readIfPresent, writeDurably } from './durable-file.ts';

export function boundFile(dataDirectory: string): UpperBoundStore {
  const path = join(dataDirectory, 'clock-bound');
  return {
    load: async () => {
      const text = await readIfPresent(path);
      // A damaged bound is not worth refusing to sell: the writer's own entries give the lower limit (see `atLeast`).
      const hex = text?.toString('latin1').trim() ?? '';
      return /^[0-9a-f]{16}$/.test(hex) ? parseStamp(hex) : ZERO_STAMP;
    },
    save: (bound) => writeDurably(path, bound.toString(16).padStart(16, '0')),
  };
}
