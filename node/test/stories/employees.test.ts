/** Employees: the count of wrong PINs, signing in without a network, roles and discounts, and who did what. */
import type { EmployeePut, OrderRequest, TillRole } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LOCK_FIRST_MS,
  LOCK_MAX_MS,
  NO_ATTEMPTS,
  stepTried,
  waitMs,
} from '../../src/employees/pin-attempts.ts';
import { hashPin, isPin } from '../../src/employees/pin-hash.ts';
import {
  ATTEMPTS_REMEMBERED_MAX,
  PIN_CHECKS_MAX,
  SIGN_IN_IDLE_MS,
  SIGN_IN_MS,
  WRONG_OF_EMPLOYEE_MAX,
  WRONG_OF_TILL_MAX,
} from '../../src/employees/sign-in-desk.ts';
import { mayCall, mayEditLive } from '../../src/http/permissions.ts';
import { jsonRoutes } from '../../src/http/routes.ts';
import type { TillIdentity } from '../../src/services.ts';
import { Chain } from '../support/chain.ts';
import { KktClient, saleBody } from '../support/kkt-client.ts';
import { RegisterScene } from '../support/register-scene.ts';

const test = suite('employees');

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

const T1: TillIdentity = { till: 'T1', role: 'cashier' };
const put = (name: string, role: TillRole, pin?: string, more: object = {}) =>
  ({ name, role, active: true, ...(pin === undefined ? {} : { pin }), ...more }) as EmployeePut;
const order = (discountMinor: number) =>
  ({
    lines: [{ sku: 'CHAIR', quantityMilli: 1_000, unitPriceMinor: 10_000, discountMinor, vat: 'vat22' }],
    payments: [{ kind: 'cash', amountMinor: 10_000 }],
    redeemPoints: 0,
  }) as unknown as OrderRequest;

test('a lock begins with the last wrong try that is allowed, doubles, and never grows beyond its cap', () => {
  let attempts = NO_ATTEMPTS;
  for (let wrong = 1; wrong < 5; wrong += 1) {
    attempts = stepTried(attempts, 5, 1_000);
    assert.is(waitMs(attempts, 1_000), 0);
  }
  const waits = Array.from({ length: 12 }, () => {
    attempts = stepTried(attempts, 5, 1_000);
    return waitMs(attempts, 1_000);
  });
  assert.equal(
    waits.slice(0, 4),
    [1, 2, 4, 8].map((times) => times * LOCK_FIRST_MS),
  );
  assert.is(Math.max(...waits), LOCK_MAX_MS);
  assert.is(waitMs(attempts, 1_000 + LOCK_MAX_MS), 0);
});

test('a PIN is known again and no other is; the same PIN of two people is kept differently', async () => {
  const one = await hashPin('1234', new Uint8Array(16).fill(1));
  const other = await hashPin('1234', new Uint8Array(16).fill(2));
  assert.ok(await isPin('1234', one));
  assert.not(await isPin('1235', one));
  assert.not.equal(one.hash, other.hash);
});

test('the permissions of the roles: no sale and no drawer for an accountant, no report of the shift for a cashier', () => {
  const may = (role: TillRole, name: string): boolean =>
    mayCall(role, jsonRoutes.find((route) => route.name === name)!);
  const table: Record<string, Record<TillRole, boolean>> = {
    placeOrder: { cashier: true, manager: true, accountant: false, admin: true },
    refundOrder: { cashier: true, manager: true, accountant: false, admin: true },
    printXReport: { cashier: true, manager: true, accountant: false, admin: true },
    closeShift: { cashier: false, manager: true, accountant: false, admin: true },
    cashOut: { cashier: true, manager: true, accountant: false, admin: true },
    sendTransfer: { cashier: true, manager: true, accountant: false, admin: true },
    countStock: { cashier: true, manager: true, accountant: false, admin: true },
    changePricelist: { cashier: false, manager: true, accountant: true, admin: true },
    importCatalogFile: { cashier: false, manager: true, accountant: true, admin: true },
    reportSales: { cashier: false, manager: true, accountant: true, admin: true },
    readShift: { cashier: true, manager: true, accountant: true, admin: true },
    readOutbox: { cashier: true, manager: true, accountant: true, admin: true },
    listQuarantine: { cashier: false, manager: false, accountant: false, admin: true },
    retryQuarantined: { cashier: false, manager: false, accountant: false, admin: true },
    changeEmployee: { cashier: false, manager: false, accountant: false, admin: true },
    addTill: { cashier: false, manager: false, accountant: false, admin: true },
  };
  for (const [name, roles] of Object.entries(table)) {
    for (const [role, expected] of Object.entries(roles)) {
      assert.is(may(role as TillRole, name), expected, `${role}: ${name}`);
    }
  }
});

test('live documents are edited by tills of managers and admins, not by accountants and not by somebody who signed in', () => {
  const roles = ['cashier', 'manager', 'accountant', 'admin'] as const;
  assert.equal(
    roles.filter((role) => mayEditLive({ till: 'T1', role })),
    ['manager', 'admin'],
  );
  assert.not(mayEditLive({ till: 'T1', role: 'admin', employee: { id: 'ann', name: 'Ann' } }));
});

test('made at head office, signed in at a branch without a network; what is done carries the person; each limit is kept', async () => {
  const chain = await Chain.open();
  try {
    const office = await chain.machine('HQ', { role: 'hq' });
    await office.start();
    const shop = await chain.machine('B001');
    await shop.start({ peers: [`ws://${office.address}`] });
    const admin = { role: 'admin' as const };
    const write = (id: string, body: EmployeePut, key?: string) =>
      office.services.employees.put(
        id,
        office.request(body, { ...admin, ...(key === undefined ? {} : { key }) }),
      );
    const made = await write('ann', put('Ann', 'cashier', '1234', { branches: ['B001'] }), 'made');
    assert.not.match(JSON.stringify(made), /1234/);
    await write('max', put('Max', 'manager', '98765'));
    await write('eve', put('Eve', 'cashier', '5555', { branches: ['B002'] }));
    // The same key: the first answer again; another PIN under it is another request.
    assert.ok((await write('ann', put('Ann', 'cashier', '1234', { branches: ['B001'] }), 'made')).replayed);
    const otherPin = put('Ann', 'cashier', '4321', { branches: ['B001'] });
    assert.is(await codeOf(write('ann', otherPin, 'made')), 'IDEMPOTENCY_MISMATCH');
    assert.is(await codeOf(write('new', put('New', 'cashier'))), 'CHANGE_INVALID');
    const { employees, orders, shifts, tills } = shop.services;
    const refused = employees.put('bob', shop.request(put('Bob', 'admin', '1111'), admin));
    assert.is(await codeOf(refused), 'FORBIDDEN');
    await tills.add('T1', 'cashier');
    await chain.until(() => employees.list().length === 2);
    assert.equal(
      employees.list().map(({ name, role }) => [name, role]),
      [
        ['Ann', 'cashier'],
        ['Max', 'manager'],
      ],
    );
    assert.is(office.services.employees.list().length, 3);

    chain.network.partition(shop.address, office.address);
    const ann = await employees.signIn(T1, { employee: 'ann', pin: '1234' } as never);
    const identity = tills.find(ann.token)!;
    assert.equal(identity, { till: 'T1', role: 'cashier', employee: { id: 'ann', name: 'Ann' } });
    const as = (till: TillIdentity, body: object) => ({ ...shop.request(body as OrderRequest), till });
    const sold = (await orders.place(as(identity, order(1_000)))).body;
    assert.equal([sold.cashier, sold.employee, sold.till], ['Ann', 'ann', 'T1']);
    assert.is((await orders.get(sold.id))!.employee, 'ann');
    assert.is(await codeOf(orders.place(as(identity, order(1_001)))), 'DISCOUNT_NEEDS_APPROVAL');
    assert.is(
      await codeOf(orders.place(as(T1, order(9_000)))),
      'done',
      'a till without a person is as it was',
    );
    const max = tills.find((await employees.signIn(T1, { employee: 'max', pin: '98765' } as never)).token)!;
    assert.is(await codeOf(orders.place(as(max, order(5_000)))), 'done');
    assert.is(await codeOf(orders.place(as(max, order(5_001)))), 'DISCOUNT_NEEDS_APPROVAL');
    const back = (await orders.refund(sold.id, as(max, { restock: true }) as never)).body;
    assert.equal([back.cashier, back.employee], ['Max', 'max']);
    const closed = await chain.running(
      shifts.close(as(max, {}) as never, { ms: undefined, signal: new AbortController().signal }),
    );
    assert.is(closed.body.state, 'closed');

    // Wrong PINs, unknown people, other branches: one answer, until it is locked.
    const wrong = (employee: string, till = T1) =>
      codeOf(employees.signIn(till, { employee, pin: '0000' } as never));
    assert.is(await codeOf(employees.signIn(T1, { employee: 'eve', pin: '5555' } as never)), 'PIN_WRONG');
    assert.is(await wrong('nobody'), 'PIN_WRONG');
    for (let tried = 0; tried < WRONG_OF_EMPLOYEE_MAX; tried += 1) assert.is(await wrong('ann'), 'PIN_WRONG');
    assert.is(await codeOf(employees.signIn(T1, { employee: 'ann', pin: '1234' } as never)), 'PIN_LOCKED');
    assert.ok(shop.services.sync.status().alarms.some(({ code }) => code === 'PIN_LOCKED'));
    assert.ok(tills.find(ann.token), 'who is signed in stays so');
    await chain.pass(LOCK_FIRST_MS, 10_000);
    const again = await employees.signIn(T1, { employee: 'ann', pin: '1234' } as never);
    assert.not(shop.services.sync.status().alarms.some(({ code }) => code === 'PIN_LOCKED'));
    const many = await Promise.all(
      Array.from({ length: PIN_CHECKS_MAX + 2 }, (_, n) => wrong(`guess-${n}`, { ...T1, till: 'T2' })),
    );
    assert.is(many.filter((code) => code === 'OVERLOADED').length, 2);
    for (let tried = PIN_CHECKS_MAX; tried < WRONG_OF_TILL_MAX; tried += 1) {
      assert.is(await wrong(`guess-${tried}`, { ...T1, till: 'T2' }), 'PIN_WRONG');
    }
    assert.is(await wrong('anybody', { ...T1, till: 'T2' }), 'PIN_LOCKED');
    assert.ok(ATTEMPTS_REMEMBERED_MAX >= 1_000);

    // A token ends by itself, with its person, and with its till.
    await employees.signOut(tills.find(again.token)!);
    assert.is(tills.find(again.token), undefined);
    const idle = await employees.signIn(T1, { employee: 'max', pin: '98765' } as never);
    await chain.pass(SIGN_IN_IDLE_MS - 30_000, 30_000);
    tills.seen!(idle.token);
    await chain.pass(SIGN_IN_IDLE_MS - 30_000, 30_000);
    assert.ok(tills.find(idle.token));
    await chain.pass(30_000, 30_000);
    assert.is(tills.find(idle.token), undefined);
    assert.ok(SIGN_IN_MS > SIGN_IN_IDLE_MS);
    chain.network.heal();
    const last = await employees.signIn(T1, { employee: 'max', pin: '98765' } as never);
    await write('max', put('Max', 'cashier'));
    await chain.until(() => tills.find(last.token) === undefined);
    const demoted = await employees.signIn(T1, { employee: 'max', pin: '98765' } as never);
    assert.is(demoted.role, 'cashier');
    await tills.revoke('T1');
    assert.is(tills.find(demoted.token), undefined);
    await write('ann', put('Ann', 'cashier', undefined, { active: false }));
    await chain.until(() => employees.list().every(({ id }) => id !== 'ann'));

    // After a restart, from rows; after their loss, from the feeds.
    await shop.stop();
    shop.loseRows();
    await shop.start();
    assert.equal(
      shop.services.employees.list().map(({ id }) => id),
      ['max'],
    );
  } finally {
    await chain.close();
  }
});

test('over HTTP: the till token and a PIN give a token of that person and role', async () => {
  await using scene = await RegisterScene.open();
  await using till = await KktClient.open(scene);
  const cashier = { token: till.token('cashier') };
  const none = await till.call('POST', '/v1/sign-in', { employee: 'ann', pin: '1234' }, { token: null });
  assert.is(none.status, 401);
  const wrong = await till.call('POST', '/v1/sign-in', { employee: 'ann', pin: '1234' }, cashier);
  assert.equal([wrong.status, wrong.json.code], [403, 'PIN_WRONG']);
  const bad = await till.call('POST', '/v1/sign-in', { employee: 'ann', pin: '12' }, cashier);
  assert.is(bad.status, 400);
  assert.not.match(JSON.stringify(bad.json), /"12"/);
  assert.equal((await till.call('GET', '/v1/employees', undefined, cashier)).json, { employees: [] });
  assert.is(
    (await till.call('PUT', '/v1/employees/ann', { name: 'Ann', role: 'cashier', pin: '1234' })).status,
    403,
  );
  assert.is((await till.call('POST', '/v1/kkt/receipt', saleBody, cashier)).status, 200);
});

test.run();
