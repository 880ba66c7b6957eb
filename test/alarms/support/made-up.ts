/** Series that make an alarm fire and end, for `promtool test rules`: two hours of trouble, then more than a day of none. */
import { join } from 'node:path';
import { stringify } from 'yaml';

interface Trouble {
  readonly series: string;
  /** As promtool writes series: a value a minute. */
  readonly values: string;
  readonly calmMinutes: number;
}

const TROUBLE_MINUTES = 120;
const CALM_MINUTES = 120;
/** A range of the rules is a day. */
const DAY_MINUTES = 1_500;

export const MADE_UP: Readonly<Record<string, Trouble>> = {
  BranchlineRelayMemory: between(
    'process_resident_memory_bytes{job="branchline-relay",instance="relay:8090"}',
    2e9,
    3e8,
  ),
  BranchlineNodeMemory: between(
    'process_resident_memory_bytes{job="branchline-node",instance="b001:8080",branch="B001"}',
    2e9,
    3e8,
  ),
  // A device is copied once: there is one more than before, until that is a day ago.
  BranchlineRelayForked: between('branchline_relay_feeds_forked{instance="relay:8090"}', 0, 1, DAY_MINUTES),
  BranchlineConflictsWait: between('branchline_conflicts_open{branch="HQ"}', 21, 20),
  BranchlineReceiptsUndecided: between('branchline_branch_receipts_undecided{branch="B001"}', 1, 0),
  BranchlinePeerClockAhead: raised('CLOCK_AHEAD'),
  BranchlineDeviceCopied: raised('DEVICE_COPIED'),
  BranchlineSuccessionPending: raised('SUCCESSION_PENDING'),
  BranchlineChangeQuarantined: raised('CHANGE_QUARANTINED'),
  BranchlineAlarmStands: raised('VERSION_MISMATCH'),
  BranchlineShiftMismatch: raised('SHIFT_MISMATCH'),
  BranchlineHeartbeatLost: raised('ERP_UNREACHABLE'),
  BranchlinePosSyncRefused: raised('POS_SYNC_REFUSED'),
  BranchlinePosRecordUnsettled: raised('POS_RECORD_UNSETTLED'),
  BranchlineBooksDiffer: raised('BOOKS_DIFFER'),
  BranchlineMaintenanceLong: { ...raised('MAINTENANCE'), values: '1x180 0x60', calmMinutes: 120 },
  BranchlinePinLocked: raised('PIN_LOCKED'),
  BranchlineNodeVerifyOld: between('branchline_verify_age_seconds{branch="B001"}', 1_300_000, 1),
  BranchlineNodeVerifyFailed: raised('VERIFY_FAILED'),
  BranchlineRelayVerifyOld: between('branchline_relay_verify_age_seconds', 1_300_000, 1),
  BranchlineRelayVerifyFailed: between('branchline_relay_verify_failed', 1, 0),
};

function between(series: string, bad: number, good: number, calmMinutes = CALM_MINUTES): Trouble {
  return { series, values: `${bad}x${TROUBLE_MINUTES} ${good}x${calmMinutes}`, calmMinutes };
}

function raised(code: string): Trouble {
  return between(`branchline_branch_alarm{branch="B001",code="${code}"}`, 1, 0);
}

/** The text of a test file: every alarm stands two hours in or soon after, and none does at the end. */
export function madeUpTests(operations: string, names: readonly string[]): string {
  const standing = (alarm: string) => `count(ALERTS{alertname="${alarm}",alertstate="firing"})`;
  return stringify({
    rule_files: names.map((name) => join(operations, 'alarms', name)),
    evaluation_interval: '10m',
    tests: Object.entries(MADE_UP).map(([alarm, { series, values, calmMinutes }]) => ({
      interval: '1m',
      input_series: [{ series, values }],
      promql_expr_test: [
        {
          expr: standing(alarm),
          eval_time: `${alarm === 'BranchlineRelayForked' ? TROUBLE_MINUTES + 20 : TROUBLE_MINUTES}m`,
          exp_samples: [{ labels: '{}', value: 1 }],
        },
        { expr: standing(alarm), eval_time: `${TROUBLE_MINUTES + calmMinutes}m`, exp_samples: [] },
      ],
    })),
  });
}
