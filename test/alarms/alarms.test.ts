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
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { changeRules, readRuleFiles } from '@branchline/cli';
import { operationsFolder } from '@branchline/relay';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';
import { breakAnnex, breakPeople } from './faults/break-annex.ts';
import { breakMachines } from './faults/break-machines.ts';
import { breakRegister } from './faults/break-register.ts';
import { Installation } from './support/installation.ts';
import { MADE_UP, madeUpTests } from './support/made-up.ts';
import { FIRE_LIMIT_MS, faultsOf } from './support/seen.ts';

const alarms = suite('alarms in the real Prometheus');

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
  BranchlineRelayMemory: '600000000',
  BranchlineNodeMemory: '600000000',
  BranchlineConflictsWait: '0',
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
  const watched = (job: string) =>
    until(
      FIRE_LIMIT_MS,
      `${job} is read`,
      async () => (await prometheus.query(`up{job="${job}"} == 1`)).length > 0,
    );
  for (const job of ['branchline-relay', 'branchline-fleet', 'branchline-node']) {
    await watched(job);
  }

  const faults = faultsOf(chain, driven);
  const stories = [breakRegister, breakMachines, breakAnnex, breakPeople].map((story) => story(faults));
  const failures = (await Promise.allSettled(stories)).flatMap((ended) =>
    ended.status === 'rejected' ? [String((ended.reason as Error).stack)] : [],
  );
  assert.is(failures.join('\n'), '');
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

alarms.run();
