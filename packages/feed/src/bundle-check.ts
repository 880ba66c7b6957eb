/**
 * Looks through a bundle before anything of it is taken in: a stick is copied, cut short and mixed up more often than a connection.
 *
 * Guarantees: a bundle that passes is whole to its end, every record is as it was written, and it is about this tenant. Nothing is
 * stored and one record is held in memory. Does not check signatures: `importBundle` does, entry by entry.
 */
import { END, type FeedVector, invalid, records } from './bundle.ts';
import { REGISTRY_COLLECTION } from './collections.ts';
import { FeedError } from './errors.ts';
import { collectionOf, parseFeedName } from './feed-name.ts';
import type { Registry } from './registry.ts';
import type { FeedName } from './types.ts';

export interface BundleContents {
  readonly entries: number;
  /** Where each feed ended at whoever wrote it: what an answer to this bundle may leave out. */
  readonly vector: FeedVector;
}

export interface BundleCheckOptions {
  readonly source: AsyncIterable<Uint8Array>;
  /** Whose bundle it must be; any tenant's when left out. */
  readonly registry?: Pick<Registry, 'feed'>;
}

/** Throws `BUNDLE_INVALID`. */
export async function checkBundle({ source, registry }: BundleCheckOptions): Promise<BundleContents> {
  const vector: Record<string, number> = {};
  let entries = 0;
  let ended = false;
  for await (const message of records(source)) {
    if (ended) throw invalid('goes on after its end');
    if (message.type === 'vector') {
      for (const [feed, seq] of headsIn(message.feeds)) vector[feed] = seq;
    } else if (message.type === 'entries') {
      named(message.feed);
      entries += message.entries.length;
    } else if (message.type === 'alarm') {
      ended = message.code === END;
    }
  }
  if (!ended) throw invalid('was cut short');
  const registries = Object.keys(vector).filter(
    (feed) => collectionOf(feed as FeedName) === REGISTRY_COLLECTION,
  );
  if (registry !== undefined && !registries.includes(registry.feed)) {
    throw new FeedError('BUNDLE_INVALID', 'the bundle is of another tenant', {
      hint: 'import it where it belongs',
    });
  }
  return { entries, vector };
}

/** Somebody else's file may hold anything where a head or a name belongs. */
function* headsIn(feeds: unknown): Generator<[feed: FeedName, seq: number]> {
  if (!Array.isArray(feeds)) throw invalid('has a vector that is none');
  for (const head of feeds) {
    const [feed, seq] = Array.isArray(head) ? head : [];
    if (!Number.isSafeInteger(seq) || seq < 0) throw invalid('has a vector that is none');
    yield [named(feed), seq];
  }
}

function named(feed: unknown): FeedName {
  try {
    return parseFeedName(feed as string);
  } catch {
    throw invalid('names a feed that cannot be one');
  }
}
