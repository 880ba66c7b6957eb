/**
 * Everything a Prometheus needs to watch an installation, made from the files of `relay/operations`: scrape settings, rules, runbooks,
 * dashboards.
 *
 * The rules there are valid as they are. What an installation may change is data: a rule whose expression holds a number to choose says
 * it in its annotation `threshold`; another number takes its place in both. Delays (`for`) and ranges (`[30m]`) can be replaced for
 * all rules at once: that is how the rules are tried against real faults in minutes.
 */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { CliError } from './errors.ts';

const ruleFile = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.looseObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.object({ severity: z.enum(['notice', 'warning', 'critical']) }),
          annotations: z.looseObject({
            summary: z.string(),
            description: z.string(),
            runbook_url: z.string(),
            threshold: z.string().optional(),
          }),
        }),
      ),
    }),
  ),
});
export type RuleFile = z.infer<typeof ruleFile>;
export type AlarmRule = RuleFile['groups'][number]['rules'][number];

export interface RuleChanges {
  /** Replaces every `for`. */
  readonly forSeconds?: number;
  /** Replaces every range of an expression. */
  readonly rangeSeconds?: number;
  /** By name of the alarm. */
  readonly thresholds?: Readonly<Record<string, string>>;
  /** Stands before the name of a runbook page. */
  readonly runbooks?: string;
}

export interface WatchedPrograms {
  /** As Prometheus reaches it. */
  readonly relay?: string;
  /** File with a token of role `view`; without it branches are not watched through the relay. */
  readonly tokenFile?: string;
  readonly nodes: readonly { readonly branch: string; readonly url: string }[];
  readonly scrapeSeconds: number;
}

export async function readRuleFiles(operations: string): Promise<Map<string, RuleFile>> {
  const files = new Map<string, RuleFile>();
  for (const name of (await readdir(join(operations, 'alarms'))).sort()) {
    files.set(name, ruleFile.parse(parse(await readFile(join(operations, 'alarms', name), 'utf8'))));
  }
  return files;
}

/** Throws `CONFIG_INVALID` for an alarm that does not exist or has no number to choose. */
export function changeRules(
  files: ReadonlyMap<string, RuleFile>,
  changes: RuleChanges,
): Map<string, RuleFile> {
  const left = new Set(Object.keys(changes.thresholds ?? {}));
  const changed = new Map(
    Array.from(files, ([name, { groups }]) => [
      name,
      {
        groups: groups.map((group) => ({
          ...group,
          rules: group.rules.map((rule) => {
            left.delete(rule.alert);
            return changeRule(rule, changes);
          }),
        })),
      },
    ]),
  );
  const [unknown] = left;
  if (unknown !== undefined) {
    throw new CliError('CONFIG_INVALID', `there is no alarm ${unknown}`, {
      hint: 'Their names are in relay/operations/alarms.',
    });
  }
  return changed;
}

function changeRule(rule: AlarmRule, changes: RuleChanges): AlarmRule {
  const { forSeconds, rangeSeconds, thresholds = {}, runbooks } = changes;
  const { threshold, runbook_url, ...words } = rule.annotations;
  const chosen = thresholds[rule.alert];
  if (chosen !== undefined && (threshold === undefined || !/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(chosen))) {
    throw new CliError('CONFIG_INVALID', `${rule.alert} has no threshold that could be ${chosen}`, {
      hint: threshold === undefined ? 'Its expression holds no number to choose.' : 'Give a number.',
    });
  }
  const withThreshold =
    chosen === undefined || threshold === undefined ? rule.expr : compareWith(rule.expr, threshold, chosen);
  const expr =
    rangeSeconds === undefined
      ? withThreshold
      : withThreshold.replace(/\[\d+[smhd]\]/g, `[${rangeSeconds}s]`);
  return {
    ...rule,
    expr,
    ...(forSeconds === undefined ? {} : { for: `${forSeconds}s` }),
    annotations: {
      ...words,
      runbook_url:
        runbooks === undefined
          ? runbook_url
          : `${runbooks.replace(/\/$/, '')}/${runbook_url.replace(/^runbooks\//, '')}`,
      ...(threshold === undefined ? {} : { threshold: chosen ?? threshold }),
    },
  };
}

/** Only what stands behind a comparison: the same digits may stand in a range or a name. */
function compareWith(expr: string, threshold: string, chosen: string): string {
  return expr.replace(/([<>]=?\s*)(\S+)/g, (all, comparison: string, number: string) =>
    number === threshold ? `${comparison}${chosen}` : all,
  );
}

/** Scrape settings: jobs `branchline-relay`, `branchline-fleet`, `branchline-node`, which the rules name. */
export function prometheusConfig({ relay, tokenFile, nodes, scrapeSeconds }: WatchedPrograms): object {
  const job = (name: string, more: object) => ({ job_name: `branchline-${name}`, ...more });
  const target = (url: string) => new URL(url).host;
  const scheme = (url: string) => new URL(url).protocol.replace(':', '');
  const secure = nodes.filter(({ url }) => scheme(url) === 'https');
  const nodeJob = (scheme: string, some: WatchedPrograms['nodes']) => ({
    job_name:
      scheme === 'https' && secure.length < nodes.length ? 'branchline-node-https' : 'branchline-node',
    scheme,
    static_configs: some.map(({ branch, url }) => ({ targets: [target(url)], labels: { branch } })),
    // One job to the rules, however it is reached.
    relabel_configs: [{ target_label: 'job', replacement: 'branchline-node' }],
  });
  const plain = nodes.filter(({ url }) => scheme(url) !== 'https');
  return {
    global: { scrape_interval: `${scrapeSeconds}s`, evaluation_interval: `${scrapeSeconds}s` },
    rule_files: ['alarms/*.yml'],
    scrape_configs: [
      ...(relay === undefined
        ? []
        : [job('relay', { scheme: scheme(relay), static_configs: [{ targets: [target(relay)] }] })]),
      ...(relay === undefined || tokenFile === undefined
        ? []
        : [
            job('fleet', {
              scheme: scheme(relay),
              metrics_path: '/v1/fleet/metrics',
              authorization: { type: 'Bearer', credentials_file: tokenFile },
              static_configs: [{ targets: [target(relay)] }],
            }),
          ]),
      ...(plain.length === 0 ? [] : [nodeJob('http', plain)]),
      ...(secure.length === 0 ? [] : [nodeJob('https', secure)]),
    ],
  };
}

/** Writes all of it below `to`, over what an earlier call wrote there. */
export async function writeAlarmFiles(
  operations: string,
  to: string,
  watched: WatchedPrograms,
  changes: RuleChanges,
): Promise<{ readonly rules: number; readonly files: number }> {
  const files = changeRules(await readRuleFiles(operations), changes);
  try {
    await mkdir(join(to, 'alarms'), { recursive: true });
    for (const [name, content] of files) {
      await writeFile(join(to, 'alarms', name), stringify(content, { lineWidth: 0 }));
    }
    await writeFile(join(to, 'prometheus.yml'), stringify(prometheusConfig(watched)));
    for (const folder of ['runbooks', 'dashboards']) {
      await cp(join(operations, folder), join(to, folder), { recursive: true });
    }
  } catch (cause) {
    throw new CliError('FILE_UNWRITABLE', `cannot write to ${to}: ${(cause as Error).message}`, { cause });
  }
  const rules = [...files.values()].flatMap(({ groups }) => groups.flatMap((group) => group.rules));
  return { rules: rules.length, files: files.size };
}
