/** Faults of machines: disks, memory, clocks, restarts, keys; and strangers at the relay. */
import { randomBytes } from 'node:crypto';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateDeviceKey } from '@branchline/feed';
import { Connection, dialWebSocket } from '@branchline/wire';
import { systemClock } from 'hlc-ts';
import * as assert from 'uvu/assert';
import { until } from '../../support/within.ts';
import { type Faults, FIRE_LIMIT_MS } from '../support/seen.ts';

/** The relay, head office and the other shop. */
export async function breakMachines({ chain, fires, ends }: Faults): Promise<void> {
  // The disk of the relay fails, and somebody edits its audit log.
  await chain.forgetUpkeep(chain.relayData, 'relay.json');
  await writeFile(chain.path('relay-hungry'), '');
  await fires('RelayBackupOld', 'RelayVerifyOld', 'RelayMemory');
  await rm(chain.path('relay-hungry'));
  await chain.backUp(chain.relayData, 'copy-relay');
  await chain.rot('copy-relay');
  await chain.verify(chain.relayData, 'wrong');
  await fires('RelayVerifyFailed');
  await chain.backUp(chain.relayData, 'next-copy-relay');
  await chain.verify(chain.relayData, 'right');
  await chain.breakDisk(chain.relay);
  await chain.sell('stall', 5);
  const audit = join(chain.relayData, 'audit.jsonl');
  const intact = await readFile(audit, 'utf8');
  await appendFile(audit, `${intact.split('\n')[0]}\n`);
  await fires(
    'RelayDown',
    'FleetUnseen',
    'RelayUnreachable',
    'UnsentOld@B002',
    'UnsentVeryOld@B002',
    'UnsentMany@B002',
  );
  await chain.relay.start();
  await fires('RelayDiskFailed', 'RelayAuditBroken');
  await chain.relay.kill('SIGTERM');
  await writeFile(audit, intact);
  await chain.relay.start();
  await fires('RelayRestarts');
  await ends(
    'RelayBackupOld',
    'RelayVerifyOld',
    'RelayVerifyFailed',
    'RelayMemory',
    'RelayDown',
    'FleetUnseen',
    'RelayUnreachable',
    'RelayAuditBroken',
  );
  await ends('UnsentOld@B002', 'UnsentVeryOld@B002', 'UnsentMany@B002');

  // Disks fill up.
  await chain.leaveRoom(chain.stallData, 20_000_000);
  await chain.leaveRoom(chain.relayData, 100_000_000);
  await until(FIRE_LIMIT_MS, 'a sale refused', async () => (await chain.trySale('stall')) === 503);
  await fires(
    'NodeCannotSell@B002',
    'NodeDiskLow@B002',
    'NodeDiskAlmostFull@B002',
    'RelayDiskLow',
    'RelayDiskAlmostFull',
  );
  await chain.leaveRoom(chain.stallData, undefined);
  await chain.leaveRoom(chain.relayData, undefined);
  await ends(
    'NodeCannotSell@B002',
    'NodeDiskLow@B002',
    'NodeDiskAlmostFull@B002',
    'RelayDiskLow',
    'RelayDiskAlmostFull',
  );

  // The disk of the shop fails; strangers knock at the relay; the clock of head office is wrong.
  await chain.breakDisk(chain.stall);
  await chain.price(700, 'CUP');
  await fires('NodeDown@B002', 'BranchSilent@B002', 'BranchSilentLong@B002', 'BranchBehind@B002');
  await chain.stall.start();
  await fires('NodeDiskFailed@B002');
  await chain.stall.kill();
  await chain.stall.start();
  await knock(chain.relay.url, 6);
  await writeFile(chain.wrongClockFile, '130000');
  await fires('NodeRestarts@B002', 'RelayRefusals', 'BranchClockOff@HQ');
  // Stamps step to a clock that jumped once room for them is saved.
  await until(FIRE_LIMIT_MS, 'a stamp of the wrong clock', async () => {
    const begun = await chain.call('hq', 'POST', '/v1/maintenance/begin', {
      reason: 'its clock',
      minutes: 10,
    });
    return Date.parse(String(begun.until)) - 600_000 > systemClock().nowMs() + 100_000;
  });
  await chain.call('hq', 'POST', '/v1/maintenance/end', {});
  await writeFile(chain.wrongClockFile, '0');
  await fires('StampsAhead@HQ');
  await ends(
    'NodeDown@B002',
    'BranchSilent@B002',
    'BranchSilentLong@B002',
    'BranchBehind@B002',
    'BranchClockOff@HQ',
    'StampsAhead@HQ',
  );
  await ends('NodeRestarts@B002', 'NodeDiskFailed@B002', 'RelayRestarts', 'RelayDiskFailed', 'RelayRefusals');

  // Head office ends the key of the shop; its machine is switched off.
  await chain.command('branch', 'revoke', 'B002', '--data', chain.relayData);
  await fires('DeviceRevoked@B002');
  await chain.stall.kill('SIGTERM');
  await ends('DeviceRevoked@B002');
}

/** A key nobody has enrolled. */
async function knock(relayUrl: string, times: number): Promise<void> {
  for (let left = times; left > 0; left -= 1) {
    const transport = await dialWebSocket(`${relayUrl.replace(/^http/, 'ws')}/v1/replicate`);
    const code = await Connection.open({
      transport,
      role: 'dial',
      identity: generateDeviceKey(),
      tenant: 'acme',
      clock: systemClock(),
      software: 'stranger/1',
      randomBytes: (length) => new Uint8Array(randomBytes(length)),
      admit: () => ({ ok: true, info: undefined }),
      attach: () => () => undefined,
    }).then(
      () => 'let in',
      (error: { code?: string }) => error.code,
    );
    assert.is.not(code, 'let in');
  }
}
