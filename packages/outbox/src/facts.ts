/**
 * Facts: everything the outbox knows, as it stands in the host's feeds.
 *
 *   added        the host committed something that must be delivered
 *   attempted    a try failed and will be repeated
 *   delivered    the destination has it, with its proof; final
 *   quarantined  it can never be accepted as it is: a person decides
 *   retried      a person put it back in line
 *   resolved     a person settled it by hand, with a reason; final
 *
 * `added` is the host's own entry. The others are *records*: the outbox asks its journal port to make them durable, and only
 * then acts on them. Facts may be fed again, singly or as a whole tail, in any number: a record's `step` says which change of
 * its job it is, so a change that is known already changes nothing.
 *
 * `delivered` may also come from the host alone (a device that delivers by itself says so): it then has no step.
 */
import { OutboxError } from './errors.ts';

export const ID_CHARS_MAX = 200;
export const KEY_CHARS_MAX = 200;
/** `ref` is where to find what is delivered, not the thing itself. */
export const REF_CHARS_MAX = 1_024;
export const PROOF_CHARS_MAX = 16_384;
/** Longer words are cut. */
export const WORDS_CHARS_MAX = 500;

/** Names are parts of stored keys: nothing below space, where separators live. */
const NAME = /^[\u0020-\ud7ff\ue000-\uffff]+$/;

export interface JobAdded {
  readonly type: 'added';
  /** Unique for ever; the same id again is the same job. */
  readonly id: string;
  /** Jobs of one key are delivered in the order they were added, one at a time. */
  readonly key: string;
  /** For the deliverer, opaque here. */
  readonly ref: string;
  /** When it came about: ages count from here. */
  readonly addedMs: number;
}

interface Recorded {
  readonly id: string;
  readonly atMs: number;
}

interface Stepped extends Recorded {
  /** Counts the changes of this job, from 1. */
  readonly step: number;
}

export interface Attempted extends Stepped {
  readonly type: 'attempted';
  readonly attempts: number;
  readonly code: string;
  readonly words: string;
}

export interface Delivered extends Recorded {
  readonly type: 'delivered';
  readonly step?: number;
  readonly proof: string;
}

export interface Quarantined extends Stepped {
  readonly type: 'quarantined';
  readonly attempts: number;
  readonly code: string;
  readonly words: string;
}

export interface Retried extends Stepped {
  readonly type: 'retried';
  readonly by: string;
}

export interface Resolved extends Stepped {
  readonly type: 'resolved';
  readonly by: string;
  readonly reason: string;
}

export type OutboxRecord = Attempted | Delivered | Quarantined | Retried | Resolved;
export type OutboxFact = JobAdded | OutboxRecord;

/** Throws unless the job can be stored. Called before it is committed, so that no durable job is refused later. */
export function assertJob(job: Omit<JobAdded, 'type'>): void {
  if (!isName(job.id, ID_CHARS_MAX)) throw invalid(`id is not 1 to ${ID_CHARS_MAX} printable characters`);
  if (!isName(job.key, KEY_CHARS_MAX)) throw invalid(`key is not 1 to ${KEY_CHARS_MAX} printable characters`);
  if (typeof job.ref !== 'string' || job.ref.length > REF_CHARS_MAX) {
    throw invalid(`ref is not text of at most ${REF_CHARS_MAX} characters`);
  }
  if (!Number.isSafeInteger(job.addedMs)) throw invalid('addedMs is not a whole number');
}

export function cutWords(text: string): string {
  return text.length <= WORDS_CHARS_MAX ? text : `${text.slice(0, WORDS_CHARS_MAX - 1)}…`;
}

function isName(text: unknown, max: number): boolean {
  return typeof text === 'string' && text.length <= max && NAME.test(text);
}

function invalid(what: string): OutboxError {
  return new OutboxError('OUTBOX_FACT_INVALID', what, { hint: 'call assertJob before committing the job' });
}
