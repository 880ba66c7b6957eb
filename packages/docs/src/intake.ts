/**
 * Intake: the way of other writers' changes into one loaded document.
 *
 * offered → checked (`checkChange`) → known? waiting? → predecessors here? → applied as one group (seven times faster than one
 * by one). A group Automerge refuses is taken apart to find the change it does not take; one that makes it panic
 * leaves the document suspect, which is told by throwing `Panicked`: the caller rebuilds and offers again, and the
 * intake, now careful, applies one by one and remembers the culprit. What is refused depends on the
 * change alone, never on how often its writer erred before: peers that restarted meanwhile must come to the same document.
 *
 * What it remembers of refusals can be forgotten safely: it would be found out again. What waited is remembered beyond the
 * eviction of its document, because its patches are owed to whoever keeps the rows.
 */
import type { ApplyRun, Candidate } from './apply-run.ts';
import {
  type CheckedChange,
  checkChange,
  isPanic,
  messageOf,
  type QuarantineCode,
  type Refusal,
} from './change-check.ts';
import type { DocName, WriterId } from './doc-name.ts';
import type { ShardDocument } from './shard-document.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Refused changes remembered per document, so that a reload does not try them again. */
export const REFUSED_CHANGES_MAX = 1024;

/** A change as it stands in a feed. */
export interface OfferedChange {
  readonly writer: WriterId;
  readonly bytes: Uint8Array;
  /** The offerer's name for it (number of the feed entry), handed back with what waits. */
  readonly ref?: number;
}

/** The document changes go into, and what already waits before it. */
export interface IntakeTarget {
  readonly name: DocName;
  readonly document: ShardDocument;
  readonly room: WaitingRoom;
}

/** The document may be half changed: rebuild it and offer again. */
export class Panicked extends Error {}

export interface IntakeCounters {
  applies: number;
  panics: number;
}

export class Intake {
  readonly #counters: IntakeCounters;
  readonly #refused = new Map<DocName, Map<string, Refusal>>();
  /** Cells of changes that wait, or waited when their document was evicted; and those that landed since, yet unreported. */
  readonly #waited = new Map<DocName, Map<string, readonly string[]>>();
  readonly #owed = new Map<DocName, readonly string[]>();
  /** Documents in which a change made Automerge panic: changes go in one by one. */
  readonly #careful = new Set<DocName>();

  constructor(counters: IntakeCounters) {
    this.#counters = counters;
  }

  /** Tries refused changes of a document again, e.g. after it was replaced by a checkpoint. */
  forget(doc: DocName): void {
    this.#refused.delete(doc);
  }

  /** Cells of earlier offered changes that had to wait and are in the document now, told once. */
  takeOwed(doc: DocName): readonly string[] {
    const owed = this.#owed.get(doc) ?? [];
    this.#owed.delete(doc);
    return owed;
  }

  /** `offered` begins at place `from` of the run. Throws `Panicked` and nothing else. */
  apply(target: IntakeTarget, offered: readonly OfferedChange[], from: number, run: ApplyRun): void {
    const { name, document, room } = target;
    const accepted: Candidate[] = [];
    const acceptedLast = new Map<string, number>();
    const lastOperation = (hash: string) => acceptedLast.get(hash) ?? document.lastOperation(hash);
    // Operations number upwards from the predecessors'. A writer that skips ahead would win every conflict, and one jump to
    // the last number there is would end all writing to the document.
    const admit = (candidates: Candidate[]) => {
      // A stack and not recursion: one arrival may set free a chain of thousands.
      for (let candidate = candidates.pop(); candidate !== undefined; candidate = candidates.pop()) {
        const { change } = candidate.waiting;
        const lasts = change.deps.map(lastOperation);
        const missing = change.deps[lasts.indexOf(undefined)];
        if (missing !== undefined) {
          this.#wait(target, candidate, missing, run);
          continue;
        }
        const expected = Math.max(0, ...(lasts as number[])) + 1;
        if (change.startOp !== expected) {
          const reason = `its operations begin at ${change.startOp}, its predecessors end before ${expected}`;
          run.quarantine(candidate.index, candidate.waiting.writer, { code: 'CHANGE_SHAPE', reason });
          continue;
        }
        accepted.push(candidate);
        acceptedLast.set(change.hash, change.startOp + change.keys.length - 1);
        for (const waiting of room.release(change.hash)) {
          candidates.push({ index: run.indexOf(waiting.change.hash), waiting });
        }
      }
    };
    for (const [at, offer] of offered.entries()) {
      const index = from + at;
      const verdict = this.#check(name, offer);
      if ('code' in verdict) {
        run.quarantine(index, offer.writer, verdict);
        continue;
      }
      const waiting = { writer: offer.writer, change: verdict, ref: offer.ref };
      if (lastOperation(verdict.hash) !== undefined) {
        run.known(index, verdict.keys);
      } else if (room.has(verdict.hash)) {
        run.wait({ index, waiting });
      } else if (room.hasSeq(verdict.actor, verdict.seq)) {
        // Which of the two gets in must not depend on when their predecessors arrive.
        const reason = `sequence number ${verdict.seq} was used before`;
        run.quarantine(index, offer.writer, { code: 'CHANGE_SEQ', reason });
      } else {
        admit([{ index, waiting }]);
      }
    }
    this.#applyAccepted(target, accepted, run);
    while (room.isOverfull) {
      const { change, writer } = room.evictNewest()!;
      this.#waited.get(name)?.delete(change.hash);
      const reason = `more than ${room.size} changes wait for predecessors`;
      run.quarantine(run.indexOf(change.hash), writer, { code: 'CHANGE_WAITING_LIMIT', reason });
    }
  }

  #check(doc: DocName, offer: OfferedChange): CheckedChange | Refusal {
    const verdict = checkChange(doc, offer.writer, offer.bytes);
    if (!verdict.ok) {
      return { code: verdict.code, reason: verdict.reason };
    }
    return this.#refused.get(doc)?.get(verdict.change.hash) ?? verdict.change;
  }

  #applyAccepted(target: IntakeTarget, accepted: readonly Candidate[], run: ApplyRun): void {
    if (accepted.length === 0) {
      return;
    }
    const document = target.document;
    if (!this.#careful.has(target.name)) {
      try {
        document.apply(accepted.map(({ waiting }) => waiting.change.bytes));
        for (const candidate of accepted) {
          this.#landed(target.name, candidate, run);
        }
        return;
      } catch (error) {
        if (isPanic(error)) {
          this.#careful.add(target.name);
          throw new Panicked();
        }
        // Automerge refused the group as a whole; find out which of them it does not take.
      }
    }
    for (const candidate of accepted) {
      this.#applyOne(target, candidate, run);
    }
  }

  #applyOne(target: IntakeTarget, candidate: Candidate, run: ApplyRun): void {
    const { waiting } = candidate;
    const document = target.document;
    const missing = waiting.change.deps.find((dep) => !document.knows(dep));
    if (missing !== undefined) {
      this.#wait(target, candidate, missing, run);
      return;
    }
    try {
      document.apply([waiting.change.bytes]);
      this.#landed(target.name, candidate, run);
    } catch (error) {
      const code = refusalCode(error);
      const refusal = { code, reason: messageOf(error) };
      this.#rememberRefused(target.name, waiting.change.hash, refusal);
      if (code === 'CHANGE_PANIC') {
        this.#counters.panics += 1;
        throw new Panicked();
      }
      run.quarantine(candidate.index, waiting.writer, refusal);
    }
  }

  #wait({ name, room }: IntakeTarget, candidate: Candidate, missing: string, run: ApplyRun): void {
    room.add(candidate.waiting, missing);
    run.wait(candidate);
    mapOf(this.#waited, name).set(candidate.waiting.change.hash, candidate.waiting.change.keys);
  }

  #landed(doc: DocName, candidate: Candidate, run: ApplyRun): void {
    const { hash, keys } = candidate.waiting.change;
    this.#counters.applies += 1;
    run.applied(candidate);
    if (this.#waited.get(doc)?.delete(hash) === true) {
      this.#owed.set(doc, [...(this.#owed.get(doc) ?? []), ...keys]);
    }
  }

  #rememberRefused(doc: DocName, hash: string, refusal: Refusal): void {
    const refused = mapOf(this.#refused, doc);
    if (refused.size < REFUSED_CHANGES_MAX) {
      refused.set(hash, refusal);
    }
  }
}

function mapOf<V>(maps: Map<DocName, Map<string, V>>, doc: DocName): Map<string, V> {
  const map = maps.get(doc) ?? new Map<string, V>();
  maps.set(doc, map);
  return map;
}

function refusalCode(error: unknown): QuarantineCode {
  if (isPanic(error)) {
    return 'CHANGE_PANIC';
  }
  return messageOf(error).includes('duplicate seq') ? 'CHANGE_SEQ' : 'CHANGE_REFUSED';
}
