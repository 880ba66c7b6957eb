/**
 * Alarm rules, runbooks and dashboards name what is there: every metric is one the real programs expose, every rule has its page.
 * That each alarm fires and ends in a real Prometheus is `npm run test:alarms`.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { changeRules, prometheusConfig, readRuleFiles } from '@branchline/cli';
import { NodeDisk } from '@branchline/feed';
import { KktEmulator, ShtrihServer } from '@branchline/fiscal';
import { NodeProgram, readConfig } from '@branchline/node';
import { initRelay, operationsFolder, Relay, readRelayConfig } from '@branchline/relay';
import { systemClock, systemRandom } from 'hlc-ts';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from './support/temp-dir.ts';
import { until } from './support/within.ts';

const alarms = suite('alarm rules, runbooks, dashboards');

const HEADINGS = ['## What it means', '## What still works', '## What to do', '## How to see it is over'];
const METRICS_LIMIT_MS = 30_000;
/** Prometheus makes these itself. */
const OF_PROMETHEUS = ['up'];

alarms('every metric of a rule or a dashboard is one the programs expose', async () => {
  const exposed = await exposedMetrics();
  const named = [...(await ruleExpressions()), ...(await dashboardExpressions())];
  for (const [where, expr] of named) {
    for (const metric of metricsIn(expr)) {
      const isThere = OF_PROMETHEUS.includes(metric) || exposed.has(metric);
      assert.ok(isThere, `${where} names ${metric}, which nothing exposes`);
    }
  }
  assert.ok(named.length > 80, 'the files were read');
});

alarms('every rule has a severity, words, and a page that says what to do', async () => {
  const pages = new Set(await readdir(join(operationsFolder, 'runbooks')));
  const used = new Set<string>();
  const names = new Set<string>();
  for (const { alert, annotations, expr } of await rules()) {
    assert.not(names.has(alert), `${alert} is there twice`);
    names.add(alert);
    assert.ok(annotations.summary !== '' && annotations.description !== '', alert);
    const page = /^runbooks\/([a-z-]+\.md)$/.exec(annotations.runbook_url)?.[1] ?? '';
    assert.ok(pages.has(page), `${alert}: ${annotations.runbook_url} is not there`);
    used.add(page);
    if (annotations.threshold !== undefined) {
      const [, number] =
        new RegExp(`[<>]=?\\s*(${annotations.threshold.replace('+', '\\+')})(\\s|$)`).exec(expr) ?? [];
      assert.is(number, annotations.threshold, `${alert} compares with its threshold`);
    }
  }
  for (const page of pages) {
    const text = await readFile(join(operationsFolder, 'runbooks', page), 'utf8');
    const found = text.split('\n').filter((line) => line.startsWith('## '));
    assert.equal(found, HEADINGS, page);
    assert.ok(used.has(page), `no rule leads to ${page}`);
  }
});

alarms(
  'a threshold is changed where it is compared and nowhere else; an unknown alarm is refused',
  async () => {
    const files = await readRuleFiles(operationsFolder);
    const changed = changeRules(files, {
      thresholds: { BranchlineRelayRestarts: '7', BranchlineUnsentOld: '2' },
      forSeconds: 1,
      rangeSeconds: 20,
      runbooks: 'https://wiki.example/branchline/',
    });
    const of = (alert: string) =>
      [...changed.values()].flatMap(({ groups }) => groups[0]!.rules).find((rule) => rule.alert === alert)!;
    const restarts = of('BranchlineRelayRestarts');
    assert.is(restarts.expr, 'changes(process_start_time_seconds{job="branchline-relay"}[20s]) > 7');
    assert.is(restarts.annotations.threshold, '7');
    assert.is(restarts.annotations.runbook_url, 'https://wiki.example/branchline/restarts.md');
    assert.is(restarts.for, '1s');
    const unsent = of('BranchlineUnsentOld').expr;
    assert.is(unsent, 'branchline_unsent_oldest_seconds > 2 or branchline_branch_unsent_oldest_seconds > 2');
    const codeOf = (thresholds: Record<string, string>) => {
      try {
        changeRules(files, { thresholds });
        return undefined;
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    assert.is(codeOf({ NoSuchAlarm: '1' }), 'CONFIG_INVALID');
    assert.is(codeOf({ BranchlineRelayDown: '1' }), 'CONFIG_INVALID');
    assert.is(codeOf({ BranchlineUnsentOld: 'soon' }), 'CONFIG_INVALID');
  },
);

alarms('the scrape settings name the jobs the rules name', async () => {
  const config = prometheusConfig({
    relay: 'https://relay.example',
    tokenFile: '/etc/token',
    nodes: [{ branch: 'B001', url: 'http://10.0.0.1:8080' }],
    scrapeSeconds: 15,
  }) as { scrape_configs: { job_name: string; scheme: string }[] };
  const jobs = new Set(config.scrape_configs.map(({ job_name }) => job_name));
  const named = (await rules()).flatMap(({ expr }) =>
    [...expr.matchAll(/job="([^"]+)"/g)].map(([, job]) => job!),
  );
  assert.equal([...new Set(named)].sort(), [...jobs].sort());
});

async function rules() {
  const files = await readRuleFiles(operationsFolder);
  return [...files.values()].flatMap(({ groups }) => groups.flatMap((group) => group.rules));
}

async function ruleExpressions(): Promise<[where: string, expr: string][]> {
  return (await rules()).map(({ alert, expr }) => [alert, expr]);
}

async function dashboardExpressions(): Promise<[where: string, expr: string][]> {
  const folder = join(operationsFolder, 'dashboards');
  const found: [string, string][] = [];
  for (const name of await readdir(folder)) {
    const { panels, templating } = JSON.parse(await readFile(join(folder, name), 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[];
      templating: { list: { query: string }[] };
    };
    found.push(
      ...panels.flatMap(({ title, targets }) =>
        targets.map(({ expr }): [string, string] => [`${name}, ${title}`, expr]),
      ),
    );
    for (const { query } of templating.list) {
      const metric = /^label_values\((\w+),/.exec(query)?.[1];
      if (metric !== undefined) {
        found.push([name, metric]);
      }
    }
  }
  return found;
}

const WORDS = new Set(['or', 'and', 'unless', 'on', 'by', 'without', 'bool', 'ignoring', 'offset', 'e']);

/** Names in an expression that are neither functions, labels, words nor numbers. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/(?<![\w.])([a-zA-Z_]\w*)(?!\w)(?!\s*\()/g)]
    .map(([, name]) => name!)
    .filter((name) => !WORDS.has(name));
}

/** Of a relay, of the fleet as it tells it, and of a node with a foreign storage in its register and whose address for events is gone. */
async function exposedMetrics(): Promise<Set<string>> {
  await using dir = await TempDir.open('metrics');
  const [clock, random, log] = [systemClock(), systemRandom(), pino({ level: 'silent' })];
  const relayData = join(dir.path, 'relay');
  const { adminToken } = await initRelay(
    { clock, random, disk: new NodeDisk(), log },
    { data: relayData, tenant: 'acme' },
  );
  await writeFile(join(relayData, 'last-failure.json'), '{}');
  const settings = { data: relayData, listen: '127.0.0.1:0' };
  await using relay = await Relay.open(
    { clock, random, disk: new NodeDisk(), log },
    readRelayConfig({ environment: {}, flags: settings }),
  );
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ branches: [{ code: 'B001' }] });
  const answer = await fetch(`${relay.url}/v1/branches`, { method: 'POST', headers, body });
  const { tokens } = (await answer.json()) as { tokens: { token: string }[] };

  const emulator = new KktEmulator({ clock });
  const register = await new ShtrihServer({ emulator, onFailure: () => {} }).listen('127.0.0.1', 0);
  const data = join(dir.path, 'node');
  await mkdir(data);
  await writeFile(join(data, 'last-failure.json'), '{}');
  const config = {
    data,
    listen: '127.0.0.1:0',
    relay: relay.url,
    token: tokens[0]!.token,
    // Another storage than the one in the register.
    kkt: { address: register.address, ofd: '127.0.0.1:9', fn: '9999000000000777' },
    webhooks: [{ url: 'http://127.0.0.1:9/', secret: 'sixteen characters' }],
  };
  try {
    await using node = await NodeProgram.open(
      { clock, random, log },
      readConfig({ environment: {}, file: { name: 'node.json', content: config } }),
    );
    const names = new Set<string>();
    // A count by code has no sample before the first.
    const declared = new Set<string>();
    const told = (wanted: readonly string[]) =>
      until(METRICS_LIMIT_MS, wanted.join(), async () => {
        const pages = await Promise.all([
          text(`${relay.url}/metrics`),
          text(`${relay.url}/v1/fleet/metrics`, headers),
          text(`${node.url}/metrics`),
        ]);
        for (const [, type, name] of pages.join('\n').matchAll(/^(# TYPE )?([a-z]\w+)/gm)) {
          (type === undefined ? names : declared).add(name!);
        }
        return wanted.every((name) => names.has(name));
      });
    await told([...TOLD_OF_A_REGISTER, ...TOLD_OF_TROUBLE]);
    return new Set([...names, ...declared]);
  } finally {
    await register.close();
  }
}

/** These depend on what others say, or on the time between two looks. */
const TOLD_OF_A_REGISTER = ['branchline_branch_fn_days_left', 'branchline_kkt_countdown_seconds'];
const TOLD_OF_TROUBLE = [
  'branchline_branch_kkt_trouble',
  'branchline_kkt_trouble',
  'branchline_disk_failure_age_seconds',
  'branchline_branch_alarm',
];

async function text(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(url, { headers });
  assert.is(response.status, 200, url);
  return await response.text();
}

alarms.run();
