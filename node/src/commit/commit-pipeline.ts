/**
 * The one road to durability: every write of this node goes through here, in groups.
 *
 *     submit ──> queue ──┐                                   ┌──> answers
 *     submit ──> queue ──┼─> group: replays · use cases · ───┤
 *     submit ──> queue ──┘   one change per document ·       └──> projections (through the store's watch)
 *                            ONE FeedWriter.commit = ONE fdatasync
 *
 * Guarantees
 *   P1  An answer is given after its entries are durable and after projections show them.
 *   P2  A key is answered once: a repetition in flight shares the answer, a later one gets the stored one, another
 *       fingerprint is refused. The stored answer is in the same commit as the effect.
 *   P3  Operations of a group run one after another; each sees what earlier ones of the group decided.
 *   P4  A refused operation leaves nothing behind: no entry, no number, no document change.
 *   P5  If nobody knows whether a commit was written, memory and disk may disagree: the pipeline is poisoned, answers
 *       STORE_POISONED to everyone waiting, and tells the node, whose process ends and restarts from the journal.
 *
 * While one group is syncing the next gathers. Groups never overlap: what a use case reads is always durable state.
 */
import type { Mutator } from '@branchline/docs';
import { ProblemError } from '@branchline/model';
import type { Stamp } from 'hlc-ts';
import { NodeError } from '../errors.ts';
import { ANSWERS_COLLECTION } from '../projections/answers.ts';
import type { TillIdentity, WriteAnswer } from '../services.ts';
import type { NumberMark, NumberSeries } from './number-series.ts';
import { type Decision, type Draft, GatheredTransaction, type Transaction } from './transaction.ts';

/** Operations of one group; bounds the latency a full queue adds to each. */
export const GROUP_OPERATIONS_MAX = 64;
/** Document changes of one group: an operation that would go beyond starts the next, so that one entry stays small. */
export const GROUP_MUTATORS_MAX = 4096;
/** Operations waiting for a group; beyond it tills are told to come back. */
export const QUEUE_OPERATIONS_MAX = 1024;

export interface PipelinePorts {
  readonly now: () => Stamp;
  /** Stored answers by key, one read for the whole group. */
  findAnswers(keys: readonly string[]): Promise<(StoredAnswer | undefined)[]>;
  /** A kept answer as it was given; undefined when it held personal data that is erased. */
  openAnswer(kept: string): string | undefined;
  /** Applies the mutators as one Automerge change of this device; undefined when they changed nothing. */
  changeDocument(document: string, mutators: readonly Mutator[]): Promise<Draft | undefined>;
  /** Called with everything a group decided, in order of stamps; resolves after fdatasync. */
  commit(drafts: readonly Draft[]): Promise<{ position: number }>;
  /** Called when nothing of these drafts was or will be written: forgets the document changes among them. */
  abandon(drafts: readonly Draft[]): void;
  /** The refusal behind a commit error that is known to have written nothing (a full disk); undefined = nobody knows. */
  refusalOf(cause: unknown): ProblemError | undefined;
  /** Why nothing may be written now, if so: revoked, superseded. */
  closedFor(): ProblemError | undefined;
  /** Resolves when projections cover `position`. */
  projected(position: number): Promise<void>;
  /** Called once, with the reason; the node stops serving. */
  poisoned(cause: Error): void;
  /** Called for a bug inside a use case; the till is told INTERNAL. */
  unexpected(cause: unknown): void;
}

export interface StoredAnswer {
  readonly fingerprint: string;
  readonly status: number;
  readonly answer: string;
}

export interface Submission {
  readonly key: string;
  readonly fingerprint: string;
  readonly till: TillIdentity;
}

export type Decide<Answer> = (transaction: Transaction) => Decision<Answer> | Promise<Decision<Answer>>;

interface Operation {
  readonly submission: Submission;
  readonly decide: Decide<unknown>;
  readonly answer: Promise<WriteAnswer<unknown>>;
  readonly resolve: (answer: WriteAnswer<unknown>) => void;
  readonly reject: (error: Error) => void;
}

interface Decided {
  readonly operation: Operation;
  readonly decision: Decision<unknown>;
}

export interface PipelineCounts {
  readonly groups: number;
  readonly operations: number;
  readonly replays: number;
  readonly refusals: number;
  readonly waiting: number;
}

export class CommitPipeline {
  readonly #ports: PipelinePorts;
  readonly #series: NumberSeries;
  readonly #inFlight = new Map<string, Operation>();
  #queue: Operation[] = [];
  #running: Promise<void> | undefined;
  #stopped: ProblemError | undefined;
  #groups = 0;
  #operations = 0;
  #replays = 0;
  #refusals = 0;

  constructor(ports: PipelinePorts, series: NumberSeries) {
    this.#ports = ports;
    this.#series = series;
  }

  submit<Answer>(submission: Submission, decide: Decide<Answer>): Promise<WriteAnswer<Answer>> {
    return this.#submit(submission, decide) as Promise<WriteAnswer<Answer>>;
  }

  get counts(): PipelineCounts {
    return {
      groups: this.#groups,
      operations: this.#operations,
      replays: this.#replays,
      refusals: this.#refusals,
      waiting: this.#inFlight.size,
    };
  }

  /** Lets what is queued finish and refuses what comes later. */
  async close(): Promise<void> {
    this.#stopped ??= new ProblemError('NODE_STOPPING', 'The node is stopping.');
    await this.#running;
  }

  async #submit(submission: Submission, decide: Decide<unknown>): Promise<WriteAnswer<unknown>> {
    const first = this.#inFlight.get(submission.key);
    if (first !== undefined) {
      if (first.submission.fingerprint !== submission.fingerprint) {
        throw mismatch(submission.key);
      }
      const answer = await first.answer;
      this.#replays += 1;
      return { ...answer, replayed: true };
    }
    const closed = this.#stopped ?? this.#ports.closedFor();
    if (closed !== undefined) {
      throw closed;
    }
    if (this.#queue.length >= QUEUE_OPERATIONS_MAX) {
      throw new ProblemError('OVERLOADED', `${QUEUE_OPERATIONS_MAX} operations are waiting.`, {
        retryAfterSeconds: 1,
      });
    }
    const operation = newOperation(submission, decide);
    this.#inFlight.set(submission.key, operation);
    this.#queue.push(operation);
    this.#running ??= this.#run();
    try {
      return await operation.answer;
    } finally {
      this.#inFlight.delete(submission.key);
    }
  }

  async #run(): Promise<void> {
    // Requests parsed in this turn of the event loop join the first group.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, GROUP_OPERATIONS_MAX);
      if (this.#stopped?.code === 'STORE_POISONED') {
        rejectAll(group, this.#stopped);
        continue;
      }
      await this.#commitGroup(group);
    }
    this.#running = undefined;
  }

  /** Settles every operation of the group; never throws. */
  async #commitGroup(group: readonly Operation[]): Promise<void> {
    const lastNumber = this.#series.last;
    const drafts: Draft[] = [];
    const mutators = new Map<string, Mutator[]>();
    let decided: Decided[];
    try {
      decided = await this.#decideAll(await this.#withoutReplays(group), drafts, mutators);
    } catch (cause) {
      this.#ports.unexpected(cause);
      this.#series.rewind(lastNumber);
      rejectAll(group, internal(cause));
      return;
    }
    if (decided.length === 0) {
      return;
    }
    try {
      for (const [document, list] of mutators) {
        const draft = await this.#ports.changeDocument(document, list);
        if (draft !== undefined) {
          drafts.push(draft);
        }
      }
    } catch (cause) {
      this.#ports.unexpected(cause);
      this.#giveUp(group, drafts, lastNumber, internal(cause));
      return;
    }
    try {
      const { position } = await this.#ports.commit(drafts);
      await this.#ports.projected(position);
    } catch (cause) {
      const refusal = this.#ports.refusalOf(cause);
      if (refusal === undefined) {
        this.#poison(group, cause);
      } else {
        this.#giveUp(group, drafts, lastNumber, refusal);
      }
      return;
    }
    this.#groups += 1;
    this.#operations += decided.length;
    for (const { operation, decision } of decided) {
      operation.resolve({ status: decision.status, body: decision.body, replayed: false });
    }
  }

  /** Answers the operations whose key was answered before; returns the others. */
  async #withoutReplays(group: readonly Operation[]): Promise<Operation[]> {
    const stored = await this.#ports.findAnswers(group.map((operation) => operation.submission.key));
    return group.filter((operation, index) => {
      const answer = stored[index];
      if (answer === undefined) {
        return true;
      }
      if (answer.fingerprint === operation.submission.fingerprint) {
        this.#replays += 1;
        const text = this.#ports.openAnswer(answer.answer);
        if (text === undefined) {
          operation.reject(erased(operation.submission.key));
        } else {
          operation.resolve({ status: answer.status, body: JSON.parse(text), replayed: true });
        }
      } else {
        this.#refusals += 1;
        operation.reject(mismatch(operation.submission.key));
      }
      return false;
    });
  }

  async #decideAll(
    operations: readonly Operation[],
    drafts: Draft[],
    mutators: Map<string, Mutator[]>,
  ): Promise<Decided[]> {
    const decided: Decided[] = [];
    const moved = new Map<string, number>();
    let gathered = 0;
    for (const [index, operation] of operations.entries()) {
      if (gathered >= GROUP_MUTATORS_MAX) {
        this.#queue.unshift(...operations.slice(index));
        break;
      }
      const { submission } = operation;
      const transaction = new GatheredTransaction(this.#ports.now, submission.till, moved);
      const lastNumber = this.#series.last;
      let decision: Decision<unknown>;
      try {
        decision = await operation.decide(transaction);
      } catch (error) {
        this.#series.rewind(lastNumber);
        this.#refusals += 1;
        operation.reject(this.#refusal(error));
        continue;
      }
      const { key, fingerprint, till } = submission;
      const request = {
        key,
        fingerprint,
        till: till.till,
        status: decision.status,
        answer: decision.seal?.(JSON.stringify(decision.body)) ?? JSON.stringify(decision.body),
      };
      transaction.addMovedTo(moved);
      gathered += transaction.changes.length;
      drafts.push(...transaction.drafts);
      drafts.push({
        collection: ANSWERS_COLLECTION,
        kind: 'request',
        body: request,
        stamp: this.#ports.now(),
      });
      for (const { document, mutator } of transaction.changes) {
        const list = mutators.get(document);
        if (list === undefined) {
          mutators.set(document, [mutator]);
        } else {
          list.push(mutator);
        }
      }
      decided.push({ operation, decision });
    }
    return decided;
  }

  #refusal(error: unknown): Error {
    if (error instanceof ProblemError || error instanceof NodeError) {
      return error;
    }
    this.#ports.unexpected(error);
    return internal(error);
  }

  /** Nothing was written: as if the group had never been. */
  #giveUp(
    group: readonly Operation[],
    drafts: readonly Draft[],
    lastNumber: NumberMark,
    refusal: ProblemError,
  ): void {
    this.#ports.abandon(drafts);
    this.#series.rewind(lastNumber);
    rejectAll(group, refusal);
  }

  #poison(group: readonly Operation[], cause: unknown): void {
    this.#stopped = new ProblemError(
      'STORE_POISONED',
      'The commit failed; the node restarts to find out what was kept.',
      {
        cause,
        retryAfterSeconds: 5,
      },
    );
    rejectAll(group, this.#stopped);
    this.#ports.poisoned(cause instanceof Error ? cause : new Error(String(cause)));
  }
}

function newOperation(submission: Submission, decide: Decide<unknown>): Operation {
  let resolve!: (answer: WriteAnswer<unknown>) => void;
  let reject!: (error: Error) => void;
  const answer = new Promise<WriteAnswer<unknown>>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { submission, decide, answer, resolve, reject };
}

function rejectAll(group: readonly Operation[], error: Error): void {
  for (const operation of group) {
    // Settling a promise twice does nothing, so operations answered earlier keep their answer.
    operation.reject(error);
  }
}

function mismatch(key: string): ProblemError {
  return new ProblemError('IDEMPOTENCY_MISMATCH', `The key ${key} was used for another request.`);
}

function erased(key: string): ProblemError {
  return new ProblemError('CUSTOMER_ERASED', `What was answered under ${key} was erased since.`);
}

function internal(cause: unknown): ProblemError {
  return new ProblemError('INTERNAL', 'The operation failed inside the node; nothing was written.', {
    cause,
  });
}
