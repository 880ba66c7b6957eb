/** Employees, and signing in with a PIN at a till. */
import { employee, employeeId, employeeList, employeePut, signedIn, signInRequest } from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

export const employeeRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/employees',
    name: 'listEmployees',
    tag: 'employees',
    summary: 'Who may sign in here; at head office everybody',
    role: 'cashier',
    answers: { 200: employeeList },
    invoke: ({ services }) => ({ status: 200, body: { employees: [...services.employees.list()] } }),
  }),
  writeRoute({
    method: 'put',
    path: '/v1/employees/{id}',
    name: 'changeEmployee',
    tag: 'employees',
    summary: 'Write an employee whole; head office only',
    description:
      'Every branch has it with the next exchange, and signing in there needs no network. The PIN is kept as a hash; left out, the one there ' +
      'is stays. Whoever is changed has to sign in again.',
    role: 'admin',
    params: z.strictObject({ id: employeeId }),
    body: employeePut,
    answers: { 200: employee },
    problems: ['IDEMPOTENCY_MISMATCH', 'CHANGE_INVALID', 'EMPLOYEES_FULL'],
    invoke: ({ services, params }, write) => services.employees.put(params.id, write),
  }),
  // No key: the token is shown once and kept nowhere, so there is no answer to repeat.
  readRoute({
    method: 'post',
    path: '/v1/sign-in',
    name: 'signIn',
    tag: 'employees',
    summary: 'With the token of a till and a PIN: a token of this person at this till',
    description:
      'It has the role of the person and ends after 15 minutes without use, after 12 hours, and when the person is changed or the till revoked. ' +
      'Five wrong PINs lock the person, fifteen the till: for a minute, then for longer.',
    role: 'cashier',
    body: signInRequest,
    answers: { 200: signedIn },
    problems: ['PIN_WRONG', 'PIN_LOCKED', 'OVERLOADED'],
    invoke: async ({ services, till, body }) => ({
      status: 200,
      body: await services.employees.signIn(till, body),
    }),
  }),
  readRoute({
    method: 'post',
    path: '/v1/sign-out',
    name: 'signOut',
    tag: 'employees',
    summary: 'The token of this person at this till ends',
    role: 'cashier',
    body: z.strictObject({}),
    answers: { 200: z.strictObject({ signedOut: z.literal(true) }) },
    problems: ['CHANGE_INVALID'],
    invoke: async ({ services, till }) => {
      await services.employees.signOut(till);
      return { status: 200, body: { signedOut: true as const } };
    },
  }),
];
