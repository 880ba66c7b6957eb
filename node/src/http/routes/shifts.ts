/** S-26: the shift. */
import {
  cashMoveRequest,
  shiftCloseRequest,
  shiftRequest,
  shiftView,
  xReport,
  xReportRequest,
} from '@branchline/model';
import { type Call, type Route, readRoute, writeRoute } from '../route.ts';

/** A till that does not say how long it waits gets the patience of the node. */
function waitOf({ preferWaitMs, signal }: Pick<Call<unknown, unknown, unknown>, 'preferWaitMs' | 'signal'>) {
  return { ms: preferWaitMs === 0 ? undefined : preferWaitMs, signal };
}

const refusals = ['IDEMPOTENCY_MISMATCH', 'TILL_MISMATCH'] as const;

export const shiftRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/shift',
    name: 'readShift',
    tag: 'shift',
    summary: 'The open shift, or the last one: totals by till, drawer, register, backlog',
    role: 'cashier',
    answers: { 200: shiftView },
    invoke: async ({ services }) => ({ status: 200, body: await services.shifts.view() }),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/shift/open',
    name: 'openShift',
    tag: 'shift',
    summary: 'Open the shift',
    description:
      'Not needed to sell: the first sale opens one. The answer waits a little for the register; what it says of it is of the ' +
      'moment, also when the request is repeated.',
    role: 'cashier',
    body: shiftRequest,
    answers: { 201: shiftView },
    problems: [...refusals, 'SHIFT_OPEN'],
    invoke: (call, write) => call.services.shifts.open(write, waitOf(call)),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/shift/close',
    name: 'closeShift',
    tag: 'shift',
    summary: 'Close the shift: the Z report, what the register counted, and what is left over',
    description:
      'The totals are those of the log and final at once. The register closes behind the receipts that wait before it; until then ' +
      '`register.state` is `waiting`. A difference to what its storage counted stands in `differences` and stops nothing.',
    role: 'manager',
    body: shiftCloseRequest,
    answers: { 200: shiftView },
    problems: [...refusals, 'SHIFT_CLOSED'],
    invoke: (call, write) => call.services.shifts.close(write, waitOf(call)),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/shift/cash-in',
    name: 'cashIn',
    tag: 'shift',
    summary: 'Cash is put into the drawer',
    role: 'cashier',
    body: cashMoveRequest,
    answers: { 201: shiftView },
    problems: refusals,
    invoke: ({ services }, write) => services.shifts.moveCash('in', write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/shift/cash-out',
    name: 'cashOut',
    tag: 'shift',
    summary: 'Cash is taken out of the drawer',
    role: 'cashier',
    body: cashMoveRequest,
    answers: { 201: shiftView },
    problems: [...refusals, 'CASH_SHORT'],
    invoke: ({ services }, write) => services.shifts.moveCash('out', write),
  }),
  readRoute({
    method: 'post',
    path: '/v1/shift/x-report',
    name: 'printXReport',
    tag: 'shift',
    summary: 'What the shift adds up to so far; on paper where the register can',
    role: 'cashier',
    body: xReportRequest,
    answers: { 200: xReport },
    invoke: async ({ services, body }) => ({
      status: 200,
      body: await services.shifts.xReport(body.print),
    }),
  }),
];
