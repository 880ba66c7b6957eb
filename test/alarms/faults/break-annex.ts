/**
 * Faults of a second head office that has a clock days behind, a small disk, a copy of itself, and branches that push to it; and of people:
 * a forgotten PIN, a forgotten maintenance.
 */
import { cp, rename, rm, writeFile } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { posOrder } from '../../support/pos-offline-sync/records.ts';
import { until } from '../../support/within.ts';
import { ANNEX_BEHIND_MS, DAY_MS, type Installation } from '../support/installation.ts';
import { type Faults, FIRE_LIMIT_MS } from '../support/seen.ts';

interface Conflict {
  readonly id: string;
  readonly values: readonly { readonly value: unknown }[];
}

interface Peer {
  readonly feeds: readonly { readonly feed: string; readonly missingThere: number }[];
}

const OFFLINE = { BRANCHLINE_MODE: 'offline' };
/** A drawer that holds as much after one sale. */
const COUNTED_MINOR = 1;
const WRONG_PINS = 5;

export async function breakAnnex({ chain, fires, ends }: Faults): Promise<void> {
  // Others write far in its future. Its drawer is counted wrong; then it is two days later, and two more.
  await fires('PeerClockAhead@HQ2', 'BranchClockOff@HQ2');
  await chain.sell('annex');
  await chain.call('annex', 'POST', '/v1/shift/close', { till: 'T1', countedCashMinor: COUNTED_MINOR });
  await writeFile(chain.annexClockFile, String(2 * DAY_MS - ANNEX_BEHIND_MS));
  await fires('BooksDiffer@HQ2');
  await writeFile(chain.annexClockFile, '0');
  await ends('BooksDiffer@HQ2');

  await breakPushes({ chain, fires, ends });

  // It takes more and more memory; its disk is lost, and a backup put back where the relay is not reached.
  await writeFile(chain.path('annex-hungry'), '');
  await fires('NodeMemory@HQ2');
  await rm(chain.path('annex-hungry'));
  await chain.backUp(chain.annexData, 'copy-annex');
  await chain.annex.kill('SIGTERM');
  await rm(chain.annexData, { recursive: true });
  await chain.command('restore', '--data', chain.annexData, '--from', chain.path('copy-annex'));
  await chain.annex.start(OFFLINE);
  await fires('SuccessionPending@HQ2');
  await ends('NodeMemory@HQ2');

  // Both offices change one price.
  await chain.price(910, 'CUP', 'annex');
  await chain.price(920, 'CUP', 'hq');
  await chain.annex.kill('SIGTERM');
  await chain.annex.start();
  await fires('ConflictsWait');
  await until(FIRE_LIMIT_MS, 'no conflict left', async () => {
    const { conflicts } = (await chain.call('hq', 'GET', '/v1/conflicts')) as { conflicts: Conflict[] };
    for (const { id, values } of conflicts) {
      const path = `/v1/conflicts/${encodeURIComponent(id)}/resolve`;
      await chain.call('hq', 'POST', path, { value: values[0]!.value });
    }
    return !(await chain.prometheus.standing()).has('BranchlineConflictsWait');
  });
  await ends('SuccessionPending@HQ2', 'PeerClockAhead@HQ2', 'BranchClockOff@HQ2');

  await copyDevice({ chain, fires, ends });
}

/** The module of a point of sale pushes what does not add up, and pushes while the disk is full. */
async function breakPushes({ chain, fires, ends }: Faults): Promise<void> {
  const warehouse = { name: 'Centro' };
  const { key } = await chain.call('annex', 'POST', '/v1/pos-offline-sync/keys', {
    branch: 'B017',
    warehouse,
  });
  const push = (id: number, more: object = {}) => pushOrder(chain, String(key), id, more);
  assert.is(await push(1, { lines: [], amount_total: 'a lot' }), true);
  await fires('PosRecordUnsettled@HQ2');
  const { unsettled } = (await chain.call('annex', 'GET', '/v1/pos-offline-sync/unsettled')) as {
    unsettled: { key: string }[];
  };
  for (const each of unsettled) {
    const path = `/v1/pos-offline-sync/unsettled/${encodeURIComponent(each.key)}/resolve`;
    await chain.call('annex', 'POST', path, { reason: 'a test sale' });
  }
  await chain.leaveRoom(chain.annexData, 20_000_000);
  let id = 2;
  const pushed = (wanted: boolean) =>
    until(FIRE_LIMIT_MS, `a push is ${wanted ? 'taken' : 'refused'}`, async () => {
      id += 1;
      return (await push(id)) === wanted;
    });
  await pushed(false);
  await fires('PosSyncRefused@HQ2');
  await chain.leaveRoom(chain.annexData, undefined);
  await pushed(true);
  await ends('PosRecordUnsettled@HQ2', 'PosSyncRefused@HQ2');
}

/** Whether it was taken. */
async function pushOrder(chain: Installation, key: string, id: number, more: object): Promise<boolean> {
  const data = posOrder({ id, more: { ...more } });
  const response = await fetch(`${chain.annex.url}/pos_offline_sync/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: 'pos.order',
      warehouse_name: 'Centro',
      records: [{ queue_id: id, local_id: id, operation: 'create', data }],
    }),
  });
  const { results } = (await response.json()) as { results?: { success: boolean }[] };
  return results?.[0]?.success === true;
}

/** Somebody copies its disk and starts the copy later. Its end: the copy is off, and its key revoked. */
async function copyDevice({ chain, fires, ends }: Faults): Promise<void> {
  const copy = `${chain.annexData}-copy`;
  await chain.annex.kill('SIGTERM');
  await cp(chain.annexData, copy, { recursive: true });
  await chain.annex.start();
  await chain.sell('annex', 2);
  await until(FIRE_LIMIT_MS, 'everything sent', async () => {
    const { peers } = (await chain.call('annex', 'GET', '/v1/sync')) as { peers: Peer[] };
    const orders = peers.flatMap(({ feeds }) => feeds.filter(({ feed }) => feed.startsWith('orders/HQ2/')));
    return orders.length > 0 && orders.every(({ missingThere }) => missingThere === 0);
  });
  await chain.annex.kill('SIGTERM');
  await rm(chain.annexData, { recursive: true });
  await rename(copy, chain.annexData);
  await chain.annex.start(OFFLINE);
  await chain.sell('annex');
  await chain.annex.kill('SIGTERM');
  await chain.annex.start();
  await fires('DeviceCopied@HQ2');
  await chain.command('branch', 'revoke', 'HQ2', '--data', chain.relayData);
  await chain.annex.kill('SIGTERM');
  await ends('DeviceCopied@HQ2');
}

export async function breakPeople({ chain, fires, ends }: Faults): Promise<void> {
  const signIn = async (pin: string): Promise<void> => {
    await chain.call('hq', 'POST', '/v1/sign-in', { employee: 'ann', pin });
  };
  await chain.call('hq', 'PUT', '/v1/employees/ann', { name: 'Ann', role: 'cashier', pin: '471108' });
  for (let left = WRONG_PINS; left > 0; left -= 1) {
    await signIn('000000').catch(() => undefined);
  }
  await chain.call('hq', 'POST', '/v1/maintenance/begin', { reason: 'a new printer', minutes: 60 });
  await fires('PinLocked@HQ', 'MaintenanceLong@HQ');
  await chain.call('hq', 'POST', '/v1/maintenance/end', {});
  await ends('MaintenanceLong@HQ');
  await until(FIRE_LIMIT_MS, 'the right PIN', async () => {
    await signIn('471108');
    return true;
  });
  await ends('PinLocked@HQ');
}
