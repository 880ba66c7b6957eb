/**
 * Reads the commits of a journal from its files, without opening the store: for checks of what was derived from them.
 *
 * Guarantees: writes nothing, takes no lock, holds one record in memory. Ends at a torn tail of the last segment, which is what a
 * power cut leaves of a commit that was never acknowledged; any other damage throws `STORE_CORRUPT`. Run `verifyStore` first: this
 * checks checksums only, no chains and no signatures. Entries that were pruned and still stand in a segment are read as well.
 */
import type { Disk } from './disk.ts';
import { corruptError } from './errors.ts';
import { HEADER_BYTES, segmentFile, walkRecords } from './segment.ts';
import type { Appended } from './types.ts';
import { listSegments } from './verify.ts';

export interface ReadJournalOptions {
  readonly disk: Disk;
  readonly dir: string;
  /** The last position wanted; all when left out. */
  readonly upTo?: number;
  /** Called after each segment with the share that is done. */
  readonly onProgress?: (done: number) => void;
}

export async function* readJournal(options: ReadJournalOptions): AsyncGenerator<Appended> {
  const { disk, dir, upTo = Number.POSITIVE_INFINITY } = options;
  const segments = await listSegments(options);
  for (const [index, segment] of segments.entries()) {
    if (segment.first > upTo) return;
    const name = segmentFile(segment);
    const file = await disk.open(`${dir}/${name}`, 'read');
    try {
      const size = await file.size();
      const walk = walkRecords(file, HEADER_BYTES, size);
      let step = await walk.next();
      while (!step.done) {
        const { record } = step.value;
        if (record.position > upTo) return;
        if (record.type === 'commit') {
          const runs = record.runs.map(({ feed, from, entries, signature }) => ({
            feed,
            from,
            entries,
            signature,
          }));
          yield { position: record.position, runs, local: record.local };
        }
        step = await walk.next();
      }
      const isLast = index === segments.length - 1;
      if (step.value !== undefined && !isLast) {
        throw corruptError(`journal segment ${name} at ${step.value.offset}: ${step.value.what}`);
      }
    } finally {
      await file.close();
    }
    options.onProgress?.((index + 1) / segments.length);
  }
}
