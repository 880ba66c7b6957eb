/**
 * Charts of a report as SVG files, drawn by `bench/peers/chart.mjs` with a library that is installed there; without it there are none.
 *
 * Bars of the case `peers`, and the growth of `fleet` with the number of branches over the reports in the same folder.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from 'hlc-ts';
import type { Drawn } from './markdown.ts';
import { PEERS_DIR, peersInstalled } from './peers/install.ts';
import type { RunReport } from './report.ts';
import { runProgram } from './system/program.ts';

interface Bar {
  readonly name: string;
  readonly value: number;
}

export interface Chart {
  readonly file: string;
  readonly title: string;
  readonly unit: string;
  readonly kind: 'bars' | 'line';
  readonly values: readonly Bar[];
}

export async function drawCharts(
  report: RunReport,
  at: { readonly dir: string; readonly name: string; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Drawn[]> {
  const charts = [...peerCharts(report, at.name), ...(await fleetCharts(report, at.dir, at.name))];
  if (charts.length === 0 || !(await peersInstalled())) return [];
  const path = join(PEERS_DIR, 'chart.mjs');
  await runProgram(path, { clock: at.clock, signal: at.signal, args: [at.dir], input: charts });
  return charts.map(({ title, file }) => ({ title, file }));
}

export function peerCharts({ cases }: RunReport, name: string): Chart[] {
  const found = cases.find((each) => each.case === 'peers');
  if (found === undefined) return [];
  const times = found.series
    .filter(({ name: what, samplesMs }) => samplesMs.length > 0 && !what.includes('model'))
    .map(({ name: what, samplesMs }) => ({ name: what.split(',')[0]!, value: samplesMs[0]! / 1_000 }));
  const of = (what: string, scale = 1): Bar[] =>
    Object.entries(found.facts)
      .filter(([fact]) => fact.endsWith(what) && !fact.includes('model'))
      .map(([fact, value]) => ({ name: fact.split(':')[0]!, value: value * scale }));
  return [
    chart(`${name}-peers-time.svg`, 'Until all know all', 'seconds', times),
    chart(`${name}-peers-cpu.svg`, 'Processor time of the server', 'seconds', of('CPU of the server, s')),
    chart(`${name}-peers-down.svg`, 'Bytes to the clients', 'kB', of('bytes down, kB')),
  ];
}

async function fleetCharts(report: RunReport, dir: string, name: string): Promise<Chart[]> {
  const mine = fleetOf(report);
  if (mine === undefined) return [];
  const reports: RunReport[] = [report];
  for (const file of await readdir(dir)) {
    if (file.endsWith('.json'))
      reports.push(JSON.parse(await readFile(join(dir, file), 'utf8')) as RunReport);
  }
  const points = new Map<number, number>();
  for (const each of reports.reverse()) {
    const facts = fleetOf(each);
    if (facts?.regions === mine.regions)
      points.set(facts?.branches ?? 0, facts?.['time until all agree, s'] ?? 0);
  }
  const values = [...points]
    .sort(([a], [b]) => a - b)
    .map(([branches, value]) => ({ name: String(branches), value }));
  if (values.length < 2) return [];
  const title = `Branches returning at once, ${mine.regions} regions: until all agree`;
  return [{ ...chart(`${name}-fleet.svg`, title, 'seconds', values), kind: 'line' }];
}

function fleetOf({ cases }: RunReport): Readonly<Record<string, number>> | undefined {
  return cases.find((each) => each.case === 'fleet')?.facts;
}

function chart(file: string, title: string, unit: string, values: readonly Bar[]): Chart {
  return { file, title, unit, kind: 'bars', values };
}
