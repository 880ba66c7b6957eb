/**
 * An employee is written whole under an id: `PUT /v1/employees/{id}`, at head office only. A PIN that is not sent stays.
 *
 * Commits: an `employee` in `employees`, with the hash of the PIN and never the PIN. Refused with CHANGE_INVALID for a new one without a PIN,
 * EMPLOYEES_FULL beyond EMPLOYEES_MAX ids.
 */
import { type Employee, type EmployeePut, type EventBody, ProblemError } from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { EMPLOYEES, EMPLOYEES_MAX, type EmployeeBook, publicOf } from '../employees/employee-book.ts';
import type { PinHash } from '../employees/pin-hash.ts';
import { tillOf } from './own-till.ts';
import type { Trade } from './trade.ts';

export function changeEmployee(
  { mayWrite }: Pick<Trade, 'mayWrite'>,
  book: EmployeeBook,
  transaction: Transaction,
  id: string,
  put: Omit<EmployeePut, 'pin'>,
  hash: PinHash | undefined,
): Decision<Employee> {
  if (!mayWrite(EMPLOYEES)) {
    throw new ProblemError('FORBIDDEN', 'Head office writes employees.');
  }
  const before = book.get(id);
  const kept = hash ?? before?.pin;
  if (kept === undefined) {
    throw new ProblemError('CHANGE_INVALID', `There is no employee ${id} yet: a new one needs a PIN.`);
  }
  if (before === undefined && book.count >= EMPLOYEES_MAX) {
    throw new ProblemError('EMPLOYEES_FULL', `There are ${EMPLOYEES_MAX} employees.`);
  }
  const { name, role, branches, active } = put;
  const facts = publicOf({
    id: id as Employee['id'],
    name,
    role,
    ...(branches === undefined ? {} : { branches }),
    active,
  });
  const { salt, hash: bytes, cost } = kept;
  const body: EventBody<'employee'> = {
    ...facts,
    pin: { salt: new Uint8Array(salt), hash: new Uint8Array(bytes), cost },
    till: tillOf(transaction),
  };
  transaction.append(EMPLOYEES, 'employee', body);
  return { status: 200, body: facts };
}
