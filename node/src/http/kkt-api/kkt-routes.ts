/**
 * S-60: the HTTP API of the replaced register adapter, on this node: the routes its callers use, in their words and with their statuses, over the
 * same services as every other route.
 *
 *     POST /v1/kkt/receipt            200 printed | buffered          GET  /v1/kkt/receipt/{id}
 *     GET  /v1/kkt/buffer/status      POST /v1/kkt/buffer/sync 202    POST /v1/kkt/circuit_breaker/reset
 *     GET  /v1/health                 GET  /v1/kkt/worker/status      GET  /v1/kkt/heartbeat/status
 *     POST /v1/kkt/x_report, z_report (also /v1/kkt/report/x, z)      POST /v1/pos/refund 200 | 409
 *     POST, DELETE /v1/pos/maintenance
 *
 * What is other than it was: a token is needed (`kktApi.loopbackRole` opens it to programs of this machine), a repeated key gives the first
 * answer, a refund names what it gives back, nothing is refused because much waits, and what could not be printed is printed later and
 * never sent to the operator unregistered.
 */
import { formatSign } from '@branchline/fiscal';
import { ProblemError, type TillRole } from '@branchline/model';
import { type Clock, isoTime } from 'hlc-ts';
import { z } from 'zod';
import type { NodeServices } from '../../services.ts';
import { type Call, type JsonRoute, type Route, readRoute, writeRoute } from '../route.ts';
import {
  bufferAnswer,
  createdAnswer,
  healthAnswer,
  heartbeatAnswer,
  shiftReportOf,
  statusAnswer,
} from './kkt-answers.ts';
import { findReceipt, keyOfHeader, makeReceipt } from './kkt-receipts.ts';
import { kktRefusals } from './kkt-refusals.ts';
import {
  breakerReset,
  bufferStatus,
  createdReceipt,
  heartbeatStatus,
  kktHealth,
  maintenanceBody,
  maintenanceState,
  receiptStatus,
  refundAllowed,
  refundCheck,
  refundHeld,
  shiftReport,
  syncResult,
  workerStatus,
} from './kkt-schemas.ts';
import { receiptBody } from './receipt-body.ts';

/** How long a sale waits for its paper, when the settings do not say. */
export const KKT_WAIT_MS = 7_000;

export interface KktApiOptions {
  /** Programs of this machine may call without a token, in this role. */
  readonly loopbackRole?: TillRole | undefined;
  readonly waitMs?: number | undefined;
}

type Setting = KktApiOptions & { readonly clock: Clock; readonly version: string };

const byId = z.object({ id: z.string().max(64) });
const NOTHING = z.object({}).loose();

export function kktRoutes(setting: Setting): readonly Route[] {
  return [
    ...receiptRoutes(setting),
    ...deliveryRoutes(setting),
    ...reportRoutes(setting),
    ...refundRoutes(),
    ...maintenanceRoutes(),
  ].map((route) => ({ ...route, tag: 'register adapter', refusals: kktRefusals }));
}

function receiptRoutes({ clock, waitMs = KKT_WAIT_MS }: Setting): JsonRoute[] {
  return [
    writeRoute({
      method: 'post',
      path: '/v1/kkt/receipt',
      name: 'kktCreateReceipt',
      tag: '',
      summary: 'A receipt as the replaced adapter took it: sale, refund or correction',
      description:
        'Amounts in whole units. `printed` when the paper is there in time, `buffered` when it comes by itself later. A refund names its ' +
        'original; a correction needs a manager. 409 for a key that belongs to another body.',
      role: 'cashier',
      openToMachine: true,
      keyOf: keyOfHeader,
      body: receiptBody,
      answers: { 200: createdReceipt },
      invoke: async (call, write) => {
        const { services, signal } = call;
        const { receipt, replayed } = await makeReceipt({ services, clock, waitMs, signal }, write);
        const document = await services.register.document(receipt.id);
        return { status: 200, body: createdAnswer(receipt, document), replayed };
      },
    }),
    readRoute({
      method: 'get',
      path: '/v1/kkt/receipt/{id}',
      name: 'kktReadReceipt',
      tag: '',
      summary: 'What became of a receipt; `synced` once the operator has acknowledged it',
      role: 'cashier',
      openToMachine: true,
      params: byId,
      answers: { 200: receiptStatus },
      invoke: async ({ services, params: { id } }) => {
        const receipt = await services.receipts.get(id);
        if (receipt === undefined) {
          throw new ProblemError('RECEIPT_NOT_FOUND', 'Receipt not found');
        }
        const { register } = services;
        const [document, history] = await Promise.all([register.document(id), register.history(id)]);
        return { status: 200, body: statusAnswer(receipt, document, history) };
      },
    }),
  ];
}

function deliveryRoutes({ clock, version }: Setting): JsonRoute[] {
  return [
    readRoute({
      method: 'get',
      path: '/v1/kkt/buffer/status',
      name: 'kktBufferStatus',
      tag: '',
      summary: 'What waits for the register and the operator',
      role: 'cashier',
      openToMachine: true,
      answers: { 200: bufferStatus },
      invoke: async ({ services: { register } }) => ({
        status: 200,
        body: bufferAnswer(await register.buffer(), clock.nowMs(), register.trouble),
      }),
    }),
    readRoute({
      method: 'post',
      path: '/v1/kkt/buffer/sync',
      name: 'kktBufferSync',
      tag: '',
      summary: 'Deliver now; answers when nothing waits any more, or the operator failed once',
      role: 'manager',
      openToMachine: true,
      body: NOTHING,
      answers: { 202: syncResult },
      invoke: async ({ services, signal }) => {
        const { delivered, failed, left, tookMs } = await services.register.deliverNow(signal);
        const message = `Synced ${delivered} receipts, ${failed} failed, ${left} wait`;
        const duration_seconds = Math.round(tookMs / 10) / 100;
        const body = { status: 'completed' as const, synced: delivered, failed, skipped: left };
        return { status: 202, body: { ...body, duration_seconds, message } };
      },
    }),
    readRoute({
      method: 'post',
      path: '/v1/kkt/circuit_breaker/reset',
      name: 'kktResetBreaker',
      tag: '',
      summary: 'The operator answers again: try at once',
      role: 'admin',
      openToMachine: true,
      body: NOTHING,
      answers: { 200: breakerReset },
      invoke: ({ services: { register } }) => {
        register.resetBreaker();
        return { status: 200, body: { status: 'reset' as const, state: 'CLOSED' as const } };
      },
    }),
    readRoute({
      method: 'get',
      path: '/v1/health',
      name: 'kktHealth',
      tag: '',
      summary: 'Health in the words of the replaced adapter; always 200, see /readyz for one that is not',
      answers: { 200: kktHealth },
      invoke: async ({ services }) => {
        const facts = await services.register.buffer();
        return { status: 200, body: healthAnswer(facts, services.readiness().ready, version) };
      },
    }),
    readRoute({
      method: 'get',
      path: '/v1/kkt/worker/status',
      name: 'kktWorkerStatus',
      tag: '',
      summary: 'Whether somebody takes care of what waits',
      role: 'cashier',
      openToMachine: true,
      answers: { 200: workerStatus },
      invoke: ({ services: { register } }) => {
        const { isRunning: running } = register;
        return { status: 200, body: { running, task_status: running ? 'running' : 'stopped' } };
      },
    }),
    readRoute({
      method: 'get',
      path: '/v1/kkt/heartbeat/status',
      name: 'kktHeartbeatStatus',
      tag: '',
      summary: 'Whether the ERP hears this node',
      role: 'cashier',
      openToMachine: true,
      answers: { 200: heartbeatStatus },
      invoke: ({ services }) => ({ status: 200, body: heartbeatAnswer(services.heartbeat()) }),
    }),
  ];
}

function reportRoutes({ clock }: Setting): JsonRoute[] {
  const xReport = async ({ services }: Pick<Call<undefined, undefined, unknown>, 'services'>) => {
    const { shift, printed } = await services.shifts.xReport(true);
    const registrationNumber = services.register.identity?.registrationNumber;
    const more = { reportType: 1 as const, isOffline: !printed, registrationNumber, sign: undefined };
    return { status: 200, body: shiftReportOf(shift, isoTime(clock.nowMs()), more) };
  };
  const paths = (kind: 'x' | 'z'): [path: string, name: string][] => [
    [`/v1/kkt/${kind}_report`, `kktReport${kind.toUpperCase()}`],
    [`/v1/kkt/report/${kind}`, `kktReport${kind.toUpperCase()}Too`],
  ];
  return [
    ...paths('x').map(([path, name]) =>
      readRoute({
        method: 'post',
        path,
        name,
        tag: '',
        summary: 'X report: the shift so far; `offline` when the register printed nothing',
        role: 'cashier',
        openToMachine: true,
        body: NOTHING,
        answers: { 200: shiftReport },
        invoke: xReport,
      }),
    ),
    ...paths('z').map(([path, name]) =>
      writeRoute({
        method: 'post',
        path,
        name,
        tag: '',
        summary: 'Z report: closes the shift; 409 when none is open',
        description: 'Without an Idempotency-Key it closes whatever is open, once.',
        role: 'manager',
        openToMachine: true,
        keyOf: (header) => (header === undefined ? `kkt-z-${crypto.randomUUID()}` : keyOfHeader(header)),
        body: NOTHING,
        answers: { 200: shiftReport },
        invoke: async ({ services, preferWaitMs, signal }, write) => {
          const ms = preferWaitMs === 0 ? undefined : preferWaitMs;
          const { body: shift, replayed } = await services.shifts.close(
            { ...write, body: {} },
            { ms, signal },
          );
          return { status: 200, body: await zReportOf(services, shift, clock), replayed };
        },
      }),
    ),
  ];
}

async function zReportOf(
  { register }: NodeServices,
  shift: Parameters<typeof shiftReportOf>[0],
  clock: Clock,
) {
  const { fd, fn, state } = shift.register;
  const id = fd === undefined ? undefined : await register.receiptOf(fd, fn);
  const document = id === undefined ? undefined : await register.document(id);
  return shiftReportOf(shift, shift.closedAt ?? isoTime(clock.nowMs()), {
    reportType: 2,
    isOffline: state !== 'closed',
    registrationNumber: register.identity?.registrationNumber,
    sign: document === undefined ? undefined : formatSign(document.fp),
  });
}

function refundRoutes(): JsonRoute[] {
  return [
    readRoute({
      method: 'post',
      path: '/v1/pos/refund',
      name: 'kktCheckRefund',
      tag: '',
      summary: 'Whether a receipt may be given back: 409 until the operator has it',
      role: 'cashier',
      openToMachine: true,
      body: refundCheck,
      answers: { 200: refundAllowed, 409: refundHeld },
      invoke: async ({ services, body }) => {
        const receipt = await findReceipt(services, body.original_fiscal_doc_id);
        if (receipt?.kind === 'sale' && receipt.ofd === 'delivered') {
          return { status: 200, body: { allowed: true as const, sync_status: 'synced' as const } };
        }
        const { pending } = await services.register.buffer();
        const isFailed = receipt?.state === 'failed' || receipt?.state === 'review';
        const reason =
          receipt?.kind !== 'sale'
            ? 'No sale with this receipt is known to this node.'
            : `The receipt is not with the operator yet. ${receipt.words}`;
        const sync_status = receipt?.kind !== 'sale' ? 'unknown' : isFailed ? 'failed' : 'pending';
        return { status: 409, body: { allowed: false as const, reason, sync_status, buffer_count: pending } };
      },
    }),
  ];
}

function maintenanceRoutes(): JsonRoute[] {
  const keyOf = (header: string | undefined) =>
    header === undefined ? `kkt-maintenance-${crypto.randomUUID()}` : keyOfHeader(header);
  const answerOf = ({ isOn, reason, until, words }: ReturnType<NodeServices['maintenance']['view']>) => ({
    status: isOn ? ('maintenance' as const) : ('operational' as const),
    reason: reason ?? null,
    until: until ?? null,
    message: words,
  });
  return [
    writeRoute({
      method: 'post',
      path: '/v1/pos/maintenance',
      name: 'kktBeginMaintenance',
      tag: '',
      summary: 'Nothing is sold from here on, for a reason, until an end',
      role: 'manager',
      openToMachine: true,
      keyOf,
      body: maintenanceBody,
      answers: { 200: maintenanceState },
      invoke: async ({ services }, write) => {
        const { reason, estimated_duration_minutes: minutes } = write.body;
        const answer = await services.maintenance.begin({ ...write, body: { reason, minutes } });
        return { ...answer, body: answerOf(answer.body) };
      },
    }),
    writeRoute({
      method: 'delete',
      path: '/v1/pos/maintenance',
      name: 'kktEndMaintenance',
      tag: '',
      summary: 'Selling goes on',
      role: 'manager',
      openToMachine: true,
      keyOf,
      body: NOTHING,
      answers: { 200: maintenanceState },
      invoke: async ({ services }, write) => {
        const answer = await services.maintenance.end(write);
        return { ...answer, body: answerOf(answer.body) };
      },
    }),
  ];
}
