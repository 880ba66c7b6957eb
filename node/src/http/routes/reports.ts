/** What a chain adds up to: sales by branch and day, closed shifts. */
import {
  dayReconciliation,
  reconciliationQuery,
  salesQuery,
  salesReport,
  shiftArchive,
  shiftArchiveQuery,
} from '@branchline/model';
import { type Route, readRoute } from '../route.ts';

export const reportRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/reports/sales',
    name: 'reportSales',
    tag: 'reports',
    summary: 'Sales and refunds by branch and day, latest day first',
    description:
      'Of the branches whose orders are replicated here. With `next` in the answer it is not all: hand it back as `after`, and add ' +
      'up rows of the same branch and day.',
    role: 'manager',
    query: salesQuery,
    answers: { 200: salesReport },
    invoke: async ({ services, query }) => ({ status: 200, body: await services.reports.sales(query) }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/reports/shifts',
    name: 'listShifts',
    tag: 'reports',
    summary: 'Closed shifts (Z reports) of every branch replicated here, latest first',
    role: 'manager',
    query: shiftArchiveQuery,
    answers: { 200: shiftArchive },
    invoke: async ({ services, query }) => ({ status: 200, body: await services.reports.shifts(query) }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/reports/reconciliation',
    name: 'reconcileDay',
    tag: 'reports',
    summary: 'One day of one branch: where its books do not say the same, and what to do',
    description:
      'Orders and refunds against fiscal documents, documents against the numbers of the storage and the operator’s acknowledgements, ' +
      'the drawer against its count, the storage’s counters against the log, oversold goods nobody cleared up.',
    role: 'manager',
    query: reconciliationQuery,
    answers: { 200: dayReconciliation },
    invoke: async ({ services, query }) => ({ status: 200, body: await services.reports.reconcile(query) }),
  }),
];
