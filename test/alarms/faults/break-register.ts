/** Faults of the fiscal side of a shop, and a month that passes for its storage. */
import { until } from '../../support/within.ts';
import type { Installation } from '../support/installation.ts';
import { type Faults, FIRE_LIMIT_MS } from '../support/seen.ts';

const DAY_SECONDS = 86_400;
/** After the registration and the opening of the shift. */
const FIRST_RECEIPT_FD = 3;
/** As the register numbers its refusals: not in this state. */
const WRONG_STATE = 74;
const FOREIGN_FN = '9999000000000777';

/** The register, the operator, the ERP and the copies of one shop. */
export async function breakRegister({ chain, fires, ends }: Faults): Promise<void> {
  await breakShift({ chain, fires, ends });

  // No paper, an ERP that fails, no copy and no look at the data for days.
  chain.hookStatus = 503;
  await chain.deed(chain.register, 'paper-out');
  await chain.forgetUpkeep(chain.shopData, 'node.json');
  await chain.sell('shop', 4);
  await fires('KktPaperOut', 'ReceiptsWaiting', 'FiscalBacklog', 'ErpUnreachable');
  await fires('NodeBackupOld', 'NodeVerifyOld');
  await chain.deed(chain.register, 'paper-in');
  await chain.backUp(chain.shopData, 'copy-shop');
  await chain.rot('copy-shop');
  await chain.verify(chain.shopData, 'wrong');
  await fires('NodeVerifyFailed');
  await chain.backUp(chain.shopData, 'next-copy-shop');
  await chain.verify(chain.shopData, 'right');
  await ends('KktPaperOut', 'ReceiptsWaiting', 'NodeBackupOld', 'NodeVerifyOld', 'NodeVerifyFailed');

  // Another storage in the register; its clock. The ERP comes back meanwhile.
  chain.hookStatus = 200;
  await chain.deed(chain.register, 'swap-storage');
  await fires('KktStopped');
  await chain.deed(chain.register, 'restore-storage');
  await chain.deed(chain.register, 'faults', { fault: 'clock-jump', ms: 180_000 });
  await fires('KktClock');
  await chain.deed(chain.register, 'faults', { fault: 'clock-jump', ms: -180_000 });
  await ends('KktStopped', 'KktClock', 'ErpUnreachable');

  // The ERP refuses one event for good; the cover is open.
  chain.hookStatus = 400;
  await chain.deed(chain.register, 'cover-open');
  await chain.sell('shop');
  await fires('ErpRefuses', 'KktCoverOpen');
  chain.hookStatus = 200;
  await chain.deed(chain.register, 'cover-close');
  await decideAll(chain, 'resolve');
  await ends('ErpRefuses', 'KktCoverOpen');

  // A month passes for the storage.
  await chain.changeStorage(
    ({ storage }) => {
      const nowSeconds = storage.documents.at(-1)!.atSeconds;
      storage.expiresSeconds = nowSeconds + DAY_SECONDS;
      storage.capacity = storage.documents.length;
      storage.shift.openedSeconds -= DAY_SECONDS + 3_600;
      for (const document of storage.documents) {
        document.atSeconds -= 31 * DAY_SECONDS;
      }
    },
    async () => {
      await fires('KktUnreachable');
      await chain.shop.kill('SIGTERM');
    },
  );
  // The term of a storage is asked for once: to be told of another one the node is started anew.
  await chain.shop.start();
  await ends('AlarmStands@B001', 'ShiftMismatch@B001');
  const late = ['2d', '5d', '20d', '30d'].map((days) => `FiscalDocumentsLate${days}`);
  await fires(...late, 'FnTermSoon', 'FnTermUrgent', 'FnMemory', 'ShiftLong');

  // A new storage as far as term and room go; the operator is back and refuses what came first.
  await chain.changeStorage(
    ({ storage }) => {
      storage.expiresSeconds += 365 * DAY_SECONDS;
      storage.capacity = 250_000;
    },
    () => chain.shop.kill('SIGTERM'),
  );
  await chain.shop.start();
  await chain.operator.start();
  await chain.deed(chain.operator, 'faults', { behaviour: { kind: 'refuse', code: 11 } });
  // The pauses after long silence are minutes: a person says that the operator is back.
  await until(FIRE_LIMIT_MS, 'a document refused again and again', async () => {
    await chain.call('shop', 'POST', '/v1/kkt/buffer/sync', {});
    const { items } = (await chain.call('shop', 'GET', '/v1/outbox/quarantine')) as { items: unknown[] };
    return items.length > 0;
  });
  await fires('FiscalQuarantined');
  await fetch(`${chain.operator.said.controlUrl}/faults`, { method: 'DELETE' });
  await until(FIRE_LIMIT_MS, 'nothing in quarantine', async () => {
    await decideAll(chain, 'retry');
    return !(await chain.prometheus.standing()).has('BranchlineFiscalQuarantined');
  });
  await ends(
    'KktUnreachable',
    'FnTermSoon',
    'FnTermUrgent',
    'FnMemory',
    'FiscalQuarantined',
    'OfdUnreachable',
  );
  await ends(...late, 'ShiftLong', 'FiscalBacklog', 'HeartbeatLost');
}

/** The operator is away, another program sells at the register, it refuses cash, and power fails in the middle of a receipt. */
async function breakShift({ chain, fires, ends }: Faults): Promise<void> {
  await chain.operator.kill();
  await fires('HeartbeatLost');
  chain.heartbeatStatus = 200;
  await registered(chain, FIRST_RECEIPT_FD);
  await chain.deed(chain.register, 'faults', [
    { fault: 'foreign-sale', command: 'fn-status' },
    { fault: 'refuse', command: 'cash-in', code: WRONG_STATE },
  ]);
  await chain.call('shop', 'POST', '/v1/shift/cash-in', { till: 'T1', amountMinor: 1_000 });
  await faultsFired(chain);
  await fires('AlarmStands@B001');
  await chain.call('shop', 'POST', '/v1/shift/close', { till: 'T1' });
  await fires('ShiftMismatch', 'OfdUnreachable');

  // When it is back there is another storage in it: nobody can tell what became of the receipt.
  const { lastFd } = await chain.registerState();
  await chain.sell('shop');
  await registered(chain, lastFd + 2);
  await chain.deed(chain.register, 'faults', {
    fault: 'power-cut-after',
    command: 'close-receipt',
    ms: 600_000,
  });
  const receipt = await chain.sell('shop');
  await faultsFired(chain);
  let own = '';
  await chain.changeStorage(({ storage }) => {
    own = storage.fn;
    storage.fn = FOREIGN_FN;
  });
  await fires('ReceiptsUndecided');
  const decision = { decision: 'none', reason: 'the customer went away' };
  await chain.call('shop', 'POST', `/v1/receipts/${receipt}/decision`, decision);
  await chain.changeStorage(({ storage }) => {
    storage.fn = own;
  });
  await ends('ReceiptsUndecided', 'KktUnreachable', 'KktStopped');
}

async function faultsFired(chain: Installation): Promise<void> {
  await until(FIRE_LIMIT_MS, 'faults of the register', async () => {
    const { faultsWaiting } = await chain.registerState();
    return faultsWaiting === 0;
  });
}

/** Documents up to this one are in the storage. */
async function registered(chain: Installation, fd: number): Promise<void> {
  await until(FIRE_LIMIT_MS, `document ${fd}`, async () => (await chain.registerState()).lastFd >= fd);
}

/** Everything that stands in the quarantine of the shop; what the foreign storage was asked for is nothing to send again. */
async function decideAll(chain: Installation, how: 'retry' | 'resolve'): Promise<void> {
  const { items } = (await chain.call('shop', 'GET', '/v1/outbox/quarantine')) as { items: { id: string }[] };
  for (const { id } of items) {
    const deed = id.includes(FOREIGN_FN) ? 'resolve' : how;
    const body = deed === 'retry' ? {} : { reason: 'told by telephone' };
    await chain.call('shop', 'POST', `/v1/outbox/quarantine/${encodeURIComponent(id)}/${deed}`, body);
  }
}
