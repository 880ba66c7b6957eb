/**
 * Begins and ends maintenance, and tells everybody who shows alarms: till, console, `status`. What it refuses is refused by the use cases
 * themselves (`refuseInMaintenance`), inside the commit, so no sale slips in behind it.
 */
import { type EventBody, type Maintenance, type MaintenanceRequest, ProblemError } from '@branchline/model';
import { isoTime, stampMs } from 'hlc-ts';
import type { Alarms } from '../alarms.ts';
import type { CommitPipeline } from '../commit/commit-pipeline.ts';
import type { Transaction } from '../commit/transaction.ts';
import type { TillIdentity, WriteAnswer, WriteRequest } from '../services.ts';
import { tillOf } from '../use-cases/own-till.ts';
import {
  type MaintenanceBook,
  type MaintenanceState,
  maintenanceView,
  maintenanceWords,
} from './maintenance-book.ts';

export const MAINTENANCE_ALARM = 'MAINTENANCE';
const MINUTE_MS = 60_000;

/** Called by other programs of the node with what they decide. */
export interface MaintenanceService {
  view(): Maintenance;
  /** While it is on, reason and end are changed. */
  begin(request: WriteRequest<MaintenanceRequest>): Promise<WriteAnswer<Maintenance>>;
  /** Also when none is under way. */
  end(request: WriteRequest<unknown>): Promise<WriteAnswer<Maintenance>>;
}

export interface MaintenanceDeskOptions {
  readonly branch: string;
  readonly maintenance: MaintenanceBook;
  readonly pipeline: CommitPipeline;
  readonly nowMs: () => number;
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
}

export class MaintenanceDesk implements MaintenanceService {
  readonly #options: MaintenanceDeskOptions;
  #told: string | undefined;

  constructor(options: MaintenanceDeskOptions) {
    this.#options = options;
  }

  get state(): MaintenanceState | undefined {
    return this.#options.maintenance.now(this.#options.nowMs());
  }

  view(): Maintenance {
    return maintenanceView(this.state);
  }

  async begin(request: WriteRequest<MaintenanceRequest>): Promise<WriteAnswer<Maintenance>> {
    const { reason, minutes } = request.body;
    return await this.#say(request, (transaction) => {
      const untilMs = stampMs(transaction.stamp) + minutes * MINUTE_MS;
      return { event: 'begun', reason, untilMs, till: tillOf(transaction) };
    });
  }

  async end(request: WriteRequest<unknown>): Promise<WriteAnswer<Maintenance>> {
    return await this.#say(request, (transaction) => ({ event: 'ended', till: tillOf(transaction) }));
  }

  /** Called now and then, and after every change: the alarm stands while it is on. */
  look(): void {
    const { alarms } = this.#options;
    const { state } = this;
    const words = state === undefined ? undefined : maintenanceWords(state);
    if (words !== this.#told) {
      this.#told = words;
      alarms.clear(MAINTENANCE_ALARM);
      if (words !== undefined) {
        alarms.raise(MAINTENANCE_ALARM, words);
      }
    }
  }

  async #say(
    request: WriteRequest<unknown>,
    bodyOf: (transaction: Transaction) => EventBody<'maintenance'>,
  ): Promise<WriteAnswer<Maintenance>> {
    const { pipeline, branch } = this.#options;
    const answer = await pipeline.submit(request, (transaction) => {
      transaction.append(`orders/${branch}`, 'maintenance', bodyOf(transaction));
      return { status: 200, body: {} };
    });
    this.look();
    return { ...answer, body: this.view() };
  }
}

/** For what takes or gives money: refused while maintenance is on, but for an admin, who tests. */
export function refuseInMaintenance(
  maintenance: Pick<MaintenanceBook, 'now'>,
  till: TillIdentity,
  nowMs: number,
): void {
  const state = maintenance.now(nowMs);
  if (state === undefined || till.role === 'admin') {
    return;
  }
  const retryAfterSeconds = Math.max(1, Math.ceil((state.untilMs - nowMs) / 1_000));
  const detail = `Maintenance until ${isoTime(state.untilMs)}: ${state.reason}.`;
  throw new ProblemError('MAINTENANCE', detail, { retryAfterSeconds });
}
