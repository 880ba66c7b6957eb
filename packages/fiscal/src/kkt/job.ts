/**
 * `runJob` takes one document through job-state.ts: it asks the device, keeps the records, waits.
 *
 * Guarantees: each effect is carried out and answered before the next; a record is durable before the effect that follows
 * from it; a journal that fails ends the run with its error, and nothing more is sent to the device. The run ends when the job
 * rests (printed, review, failed) or by `signal`; aborted or killed at any point, `resumeJob` and another run carry on.
 * Does not: run two jobs on one device at a time; whoever owns the device does one after the other, oldest first.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../errors.ts';
import type { Receipt } from '../ffd/receipt.ts';
import type { Cashier, KktDriver } from './driver.ts';
import { assertJobStep } from './job-invariants.ts';
import { startJob, stepJob } from './job-state.ts';
import type { JobEffect, JobEvent, JobRecord, JobState, JobStep } from './job-types.ts';

/** What the job is to register; its expectation (job-evidence.ts) is what it will be known by. */
export type JobDocument =
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  | { readonly kind: 'shift-open' | 'shift-close'; readonly cashier?: Cashier };

export interface JobJournal {
  /** Called with each record; durable when it resolves. */
  append(job: string, record: JobRecord): Promise<void>;
  /** Called for each document found in a search: the job that is known to have registered it. */
  ownerOf(fn: string, fd: number): string | undefined;
}

export interface JobPorts {
  readonly driver: KktDriver;
  readonly journal: JobJournal;
  readonly clock: Clock;
  /** Called after every step: what is known of the receipt now. */
  readonly onChange?: (state: JobState) => void;
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Ends the run when the job has to wait for something it names as its reason, instead of waiting. */
  readonly stopWhen?: (state: JobState) => boolean;
}

/** Runs from a new or resumed state, or from a resting one when given the event that wakes it. */
export async function runJob(
  from: JobState,
  document: JobDocument,
  ports: JobPorts,
  options: RunOptions & { readonly wake?: JobEvent } = {},
): Promise<JobState> {
  let step = options.wake === undefined ? startJob(from) : stepChecked(from, options.wake);
  for (;;) {
    ports.onChange?.(step.state);
    const effect = step.effects[0];
    if (effect === undefined) return step.state;
    if (effect.type === 'wait' && options.stopWhen?.(step.state) === true) return step.state;
    options.signal?.throwIfAborted();
    const event = await perform(effect, step.state, document, ports, options.signal);
    step = stepChecked(step.state, event);
  }
}

function stepChecked(state: JobState, event: JobEvent): JobStep {
  const step = stepJob(state, event);
  assertJobStep(state, event, step);
  return step;
}

async function perform(
  effect: JobEffect,
  state: JobState,
  document: JobDocument,
  { driver, journal, clock }: JobPorts,
  signal: AbortSignal | undefined,
): Promise<JobEvent> {
  const waiting = signal === undefined ? {} : { signal };
  const { job, fn } = state.order;
  switch (effect.type) {
    case 'record':
      await journal.append(job, effect.record);
      return { type: 'recorded' };
    case 'wait':
      await clock.sleep(effect.delayMs, waiting);
      return { type: 'tick' };
    case 'ask-status':
      return attempt(async () => ({ type: 'status', status: await driver.status(waiting) }));
    case 'begin':
      return attempt(async () => {
        if (document.kind === 'receipt') await driver.beginReceipt(document.receipt, waiting);
        return { type: 'begun' };
      });
    case 'close':
      return attempt(async () => ({ type: 'closed', mark: await close(document, driver, waiting) }));
    case 'cancel':
      return attempt(async () => {
        await driver.cancelReceipt(waiting);
        return { type: 'cancelled' };
      });
    case 'continue-print':
      return attempt(async () => {
        await driver.continuePrint(waiting);
        return { type: 'continued' };
      });
    case 'find':
      return attempt(async () => {
        const found = await driver.findDocument(effect.fd, waiting);
        const owner = journal.ownerOf(fn, effect.fd);
        return { type: 'found', document: found, isClaimed: owner !== undefined && owner !== job };
      });
    default:
      return effect satisfies never;
  }
}

function close(document: JobDocument, driver: KktDriver, waiting: { signal?: AbortSignal }) {
  switch (document.kind) {
    case 'receipt':
      return driver.closeReceipt(document.receipt, waiting);
    case 'shift-open':
      return driver.openShift(document.cashier, waiting);
    case 'shift-close':
      return driver.closeShift(document.cashier, waiting);
    default:
      return document satisfies never;
  }
}

/** A device that fails is an event; anything else that throws is a fault of ours and ends the run. */
async function attempt(work: () => Promise<JobEvent>): Promise<JobEvent> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KktError) || error.code === 'KKT_CLOSED') throw error;
    return { type: 'failed', code: error.code };
  }
}
