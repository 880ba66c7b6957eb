/**
 * Names: a collection (`orders/B001`), a writer (16 base32 characters) and the feed they make (`orders/B001/7q2m…`).
 *
 * The branded types of `types.ts` are made here and nowhere else. A name that came through a parser is short, has only
 * characters that are safe in a path, a key and a log line, and sorts the same as text and as bytes.
 */
import { FeedError } from './errors.ts';
import type { Collection, FeedName, WriterId } from './types.ts';

export const COLLECTION_CHARS_MAX = 96;
export const WRITER_CHARS = 16;
export const FEED_NAME_CHARS_MAX = COLLECTION_CHARS_MAX + 1 + WRITER_CHARS;

const COLLECTION = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/;
const WRITER = /^[a-z2-7]{16}$/;

export function parseCollection(text: string): Collection {
  if (text.length > COLLECTION_CHARS_MAX || !COLLECTION.test(text)) {
    throw new FeedError('FEED_NAME', `not a collection name: ${quote(text)}`);
  }
  return text as Collection;
}

export function parseWriterId(text: string): WriterId {
  if (!WRITER.test(text)) throw new FeedError('FEED_NAME', `not a writer id: ${quote(text)}`);
  return text as WriterId;
}

export function parseFeedName(text: string): FeedName {
  const slash = text.lastIndexOf('/');
  if (slash < 0) throw new FeedError('FEED_NAME', `not a feed name: ${quote(text)}`);
  parseCollection(text.slice(0, slash));
  parseWriterId(text.slice(slash + 1));
  return text as FeedName;
}

export function feedName(collection: Collection, writer: WriterId): FeedName {
  return `${collection}/${writer}` as FeedName;
}

export function collectionOf(feed: FeedName): Collection {
  return feed.slice(0, feed.lastIndexOf('/')) as Collection;
}

export function writerOf(feed: FeedName): WriterId {
  return feed.slice(feed.lastIndexOf('/') + 1) as WriterId;
}

/** Names in messages may come from a stranger: cut, and escaped by JSON. */
function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
