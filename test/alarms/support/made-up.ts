/** Series that make an alarm fire and end, for `promtool test rules`: two hours of trouble, then none. */
import { join } from 'node:path';
import { stringify } from 'yaml';

interface Trouble {
  readonly series: string;
  /** As promtool writes series: a value a minute. */
  readonly values: string;
  /** When it is over, counted from the beginning. */
  readonly endMinutes: number;
}

const TROUBLE_MINUTES = 120;
const CALM_MINUTES = 120;

/** A range of the rules is a day. */
const DAY_MINUTES = 1_440;

/** Each with the reason why no process is brought to it here. */
export const MADE_UP: Readonly<Record<string, Trouble>> = {
  // No release of ours writes a change that cannot be applied, and none accepts one on its way in; `packages/docs` plays such devices.
  BranchlineChangeQuarantined: raised('CHANGE_QUARANTINED'),
  // A copied device finds that out itself at its first contact and says no second history any more (`BranchlineDeviceCopied` is driven); a relay
  // holds two only when they come from two others. There is one more than before, until that is a day ago.
  BranchlineRelayForked: {
    series: 'branchline_relay_feeds_forked{instance="relay:8090"}',
    values: `0x${TROUBLE_MINUTES - 20} 1x${2 * DAY_MINUTES}`,
    endMinutes: 2 * DAY_MINUTES,
  },
};

function raised(code: string): Trouble {
  const series = `branchline_branch_alarm{branch="B001",code="${code}"}`;
  const endMinutes = TROUBLE_MINUTES + CALM_MINUTES;
  return { series, values: `1x${TROUBLE_MINUTES} 0x${CALM_MINUTES}`, endMinutes };
}

/** The text of a test file: every alarm stands two hours in or soon after, and none does at the end. */
export function madeUpTests(operations: string, names: readonly string[]): string {
  const standing = (alarm: string) => `count(ALERTS{alertname="${alarm}",alertstate="firing"})`;
  return stringify({
    rule_files: names.map((name) => join(operations, 'alarms', name)),
    evaluation_interval: '10m',
    tests: Object.entries(MADE_UP).map(([alarm, { series, values, endMinutes }]) => ({
      interval: '1m',
      input_series: [{ series, values }],
      promql_expr_test: [
        {
          expr: standing(alarm),
          eval_time: `${TROUBLE_MINUTES}m`,
          exp_samples: [{ labels: '{}', value: 1 }],
        },
        { expr: standing(alarm), eval_time: `${endMinutes}m`, exp_samples: [] },
      ],
    })),
  });
}
