/**
 * Actor ids: eight bytes from writer and document.
 *
 * A change is refused unless its actor is the one its feed's writer must have in this document, so nobody can speak
 * under another's actor: a forged or reused actor wedges a document for good (two changes with one sequence number).
 * Eight bytes, because a hundred writers in 64 shards would otherwise cost more bytes in actor ids than in data.
 */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { DocName, WriterId } from './doc-name.ts';

export const ACTOR_BYTES = 8;

/** 16 lower-case hex digits. */
export type ActorId = string & { readonly __brand: 'ActorId' };

export function actorOf(writer: WriterId, doc: DocName): ActorId {
  // A writer id holds no NUL, so writer and document cannot run into each other.
  const text = `branchline actor\0${writer}\0${doc}`;
  const known = actors.get(text);
  if (known !== undefined) {
    return known;
  }
  const actor = hash('sha256', text, 'hex').slice(0, 2 * ACTOR_BYTES) as ActorId;
  actors.set(text, actor);
  return actor;
}

/** A catch-up asks for the same few by the thousand. */
const actors = new LRUCache<string, ActorId>({ max: 4096 });
