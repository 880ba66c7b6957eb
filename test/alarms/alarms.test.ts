// limit: 900 s
/**
 * Every alarm fires and ends, in the real Prometheus, because of a real fault: processes are killed, disks filled and failed, a register
 * loses paper and its storage grows old, the operator is away, clocks are wrong. Delays are left out and thresholds lowered by the
 * documented options of `branchline alarms write`; expressions are those of the release.
 *
 * The few that need a mistake of ours or days of somebody's malice are played to the same rules as made-up series
 * (`promtool test rules`). Together they are all: a rule without either fails.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { changeRules, readRuleFiles } from '@branchline/cli';
import { generateDeviceKey } from '@branchline/feed';
import { operationsFolder } from '@branchline/relay';
import { Connection, dialWebSocket } from '@branchline/wire';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { branchline } from '../support/branchline.ts';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';
import { Installation } from './support/installation.ts';
import { MADE_UP, madeUpTests } from './support/made-up.ts';

const alarms = suite('alarms in the real Prometheus');

/** For a machine that others use, too. */
const FIRE_LIMIT_MS = 120_000;
const END_LIMIT_MS = 150_000;
const DAY_SECONDS = 86_400;

/** Lowered so that minutes are seconds; all others are as released. */
const THRESHOLDS = {
  BranchlineRelayRestarts: '0',
  BranchlineNodeRestarts: '0',
  BranchlineRelayDiskFailed: '60',
  BranchlineNodeDiskFailed: '60',
  BranchlineRelayDiskLow: '250000000',
  BranchlineRelayDiskAlmostFull: '120000000',
  BranchlineNodeDiskLow: '250000000',
  BranchlineNodeDiskAlmostFull: '120000000',
  BranchlineRelayRefusals: '3',
  BranchlineBranchSilent: '1',
  BranchlineBranchSilentLong: '3',
  BranchlineBranchBehind: '2',
  BranchlineUnsentOld: '3',
  BranchlineUnsentVeryOld: '5',
  BranchlineUnsentMany: '3',
  BranchlineErpUnreachable: '2',
  BranchlineReceiptsWaiting: '1',
  BranchlineFiscalBacklog: '1',
};
const FLAGS = [
  '--for',
  '0',
  '--range',
  '40',
  ...Object.entries(THRESHOLDS).flatMap(([alarm, number]) => ['--threshold', `${alarm}=${number}`]),
];

const driven = new Set<string>();

alarms('a fault raises its alarm, and mending it ends it', async () => {
  await using chain = await Installation.open(FLAGS);
  const { prometheus } = chain;
  const fires = async (...names: string[]): Promise<void> => {
    const wanted = names.map((name) => `Branchline${name}`);
    const missing = new Set(wanted);
    await until(FIRE_LIMIT_MS, `fires: ${names.join()}`, async () => {
      for (const name of await prometheus.standing()) {
        missing.delete(name);
      }
      return none([...missing]);
    });
    for (const name of wanted) {
      driven.add(name);
    }
  };
  const ends = async (...names: string[]): Promise<void> => {
    await until(END_LIMIT_MS, `ends: ${names.join()}`, async () => {
      const standing = await prometheus.standing();
      return none(names.filter((name) => standing.has(`Branchline${name}`)));
    });
  };
  const watched = (job: string) =>
    until(
      FIRE_LIMIT_MS,
      `${job} is read`,
      async () => (await prometheus.query(`up{job="${job}"} == 1`)).length > 0,
    );
  for (const job of ['branchline-relay', 'branchline-fleet', 'branchline-node']) {
    await watched(job);
  }

  const faults = { chain, fires, ends };
  await Promise.all([breakRegister(faults), breakMachines(faults)]);
});

alarms('alarms no honest fault of minutes raises, with made-up series', async () => {
  await using dir = await TempDir.open('promtool');
  const rules = changeRules(await readRuleFiles(operationsFolder), {});
  assert.ok(rules.size > 0);
  const path = join(dir.path, 'tests.yml');
  await writeFile(path, madeUpTests(operationsFolder, [...rules.keys()]));
  const { stdout } = await promisify(execFile)('promtool', ['test', 'rules', path]).catch(
    (error: { stdout: string; stderr: string }) => {
      throw new Error(`${error.stdout}${error.stderr}`);
    },
  );
  assert.match(stdout, /SUCCESS/);
});

alarms('no rule is left that nobody has seen', async () => {
  const files = await readRuleFiles(operationsFolder);
  const all = [...files.values()].flatMap(({ groups }) => groups[0]!.rules.map(({ alert }) => alert));
  assert.equal(
    all.filter((alert) => !driven.has(alert) && !Object.hasOwn(MADE_UP, alert)),
    [],
  );
});

interface Faults {
  readonly chain: Installation;
  /** All of them stand, at the same moment or one after another. */
  fires(...names: string[]): Promise<void>;
  /** None of them stands. */
  ends(...names: string[]): Promise<void>;
}

/** The register, the operator and the ERP of one shop. */
async function breakRegister({ chain, fires, ends }: Faults): Promise<void> {
  // No paper, no operator, an ERP that fails, no copy for days.
  await chain.operator.kill();
  chain.hookStatus = 503;
  await chain.deed(chain.register, 'paper-out');
  await chain.forgetBackups(chain.shopData, 'node.json');
  await chain.sell('shop', 4);
  await fires('KktPaperOut', 'ReceiptsWaiting', 'FiscalBacklog', 'ErpUnreachable', 'NodeBackupOld');
  await chain.deed(chain.register, 'paper-in');
  await chain.backUp(chain.shopData, 'copy-shop');
  await fires('OfdUnreachable');
  await ends('KktPaperOut', 'ReceiptsWaiting', 'NodeBackupOld');

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
    await chain.shopCall('POST', '/v1/kkt/buffer/sync', {});
    const { items } = (await chain.shopCall('GET', '/v1/outbox/quarantine')) as { items: unknown[] };
    return items.length > 0;
  });
  await fires('FiscalQuarantined');
  await fetch(`${chain.operator.said.controlUrl}/faults`, { method: 'DELETE' });
  await decideAll(chain, 'retry');
  await ends(
    'KktUnreachable',
    'FnTermSoon',
    'FnTermUrgent',
    'FnMemory',
    'FiscalQuarantined',
    'OfdUnreachable',
  );
  await ends(...late, 'ShiftLong', 'FiscalBacklog');
}

/** The relay, head office and the other shop. */
async function breakMachines({ chain, fires, ends }: Faults): Promise<void> {
  // The disk of the relay fails, and somebody edits its audit log.
  await chain.forgetBackups(chain.relayData, 'relay.json');
  await fires('RelayBackupOld');
  await chain.backUp(chain.relayData, 'copy-relay');
  await chain.breakDisk(chain.relay);
  await chain.sell('stall', 5);
  const audit = join(chain.relayData, 'audit.jsonl');
  const intact = await readFile(audit, 'utf8');
  await appendFile(audit, `${intact.split('\n')[0]}\n`);
  await fires('RelayDown', 'FleetUnseen', 'RelayUnreachable', 'UnsentOld', 'UnsentVeryOld', 'UnsentMany');
  await chain.relay.start();
  await fires('RelayDiskFailed', 'RelayAuditBroken');
  await chain.relay.kill('SIGTERM');
  await writeFile(audit, intact);
  await chain.relay.start();
  await fires('RelayRestarts');
  await ends('RelayBackupOld', 'RelayDown', 'FleetUnseen', 'RelayUnreachable', 'RelayAuditBroken');
  await ends('UnsentOld', 'UnsentVeryOld', 'UnsentMany');

  // Disks fill up.
  await chain.leaveRoom(chain.stallData, 20_000_000);
  await chain.leaveRoom(chain.relayData, 100_000_000);
  await until(FIRE_LIMIT_MS, 'a sale refused', async () => (await chain.trySale('stall')) === 503);
  await fires('NodeCannotSell', 'NodeDiskLow', 'NodeDiskAlmostFull', 'RelayDiskLow', 'RelayDiskAlmostFull');
  await chain.leaveRoom(chain.stallData, undefined);
  await chain.leaveRoom(chain.relayData, undefined);
  await ends('NodeCannotSell', 'NodeDiskLow', 'NodeDiskAlmostFull', 'RelayDiskLow', 'RelayDiskAlmostFull');

  // The disk of the shop fails; strangers knock at the relay; the clock of head office is wrong.
  await chain.breakDisk(chain.stall);
  await chain.price(700, 'CUP');
  await fires('NodeDown', 'BranchSilent', 'BranchSilentLong', 'BranchBehind');
  await chain.stall.start();
  await fires('NodeDiskFailed');
  await chain.stall.kill();
  await chain.stall.start();
  await knock(chain.relay.url, 6);
  await writeFile(chain.wrongClockFile, '75000');
  await fires('NodeRestarts', 'RelayRefusals', 'BranchClockOff');
  await chain.price(800, 'CUP');
  await writeFile(chain.wrongClockFile, '0');
  await fires('StampsAhead');
  await ends('NodeDown', 'BranchSilent', 'BranchSilentLong', 'BranchBehind', 'BranchClockOff', 'StampsAhead');
  await ends('NodeRestarts', 'NodeDiskFailed', 'RelayRestarts', 'RelayDiskFailed', 'RelayRefusals');

  // Head office ends the key of the shop; its machine is switched off.
  const revoked = await branchline(FIRE_LIMIT_MS, 'branch', 'revoke', 'B002', '--data', chain.relayData);
  assert.is(revoked.code, 0, revoked.err);
  await fires('DeviceRevoked');
  await chain.stall.kill('SIGTERM');
  await ends('DeviceRevoked');
}

/** Quoted when the wait is over. */
function none(names: readonly string[]): true {
  if (names.length > 0) {
    throw new Error(names.join());
  }
  return true;
}

/** Everything that stands in the quarantine of the shop. */
async function decideAll(chain: Installation, how: 'retry' | 'resolve'): Promise<void> {
  const { items } = (await chain.shopCall('GET', '/v1/outbox/quarantine')) as { items: { id: string }[] };
  assert.ok(items.length > 0, 'something stands there');
  for (const { id } of items) {
    const body = how === 'retry' ? {} : { reason: 'told by telephone' };
    await chain.shopCall('POST', `/v1/outbox/quarantine/${encodeURIComponent(id)}/${how}`, body);
  }
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

alarms.run();
