/** A report as text: one table of series, one of ratios, then facts and notes. */
import type { CaseReport, RunReport } from './report.ts';
import { summarize } from './statistics.ts';

export function formatReport(report: RunReport): string {
  const { machine } = report;
  const head = [
    `commit ${report.commit}, seed ${report.seed}, ${report.startedAt}, load before ${report.loadBefore}`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.platform}, ${machine.runtime}`,
  ];
  return `${[...head, ...report.cases.map(formatCase)].join('\n')}\n`;
}

function formatCase(report: CaseReport): string {
  const rows = report.series.map((series) => {
    const summary = summarize(series.samplesMs);
    const times =
      summary === undefined ? [] : [summary.p50, summary.p95, summary.p99, summary.max].map(milliseconds);
    const rate = series.perSecond === undefined ? '' : Math.round(series.perSecond).toLocaleString('en-US');
    return [series.name, String(summary?.count ?? 0), ...times, rate];
  });
  const sections = [
    '',
    report.case.toUpperCase(),
    columns(['', 'n', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'per s'], rows),
  ];
  if (report.ratios.length > 0) {
    const ratios = report.ratios.map((r) => [r.name, `${r.value.toFixed(2)}×`, `${r.better} is better`]);
    sections.push('', columns(['ratio', '', ''], ratios));
  }
  const facts = Object.entries(report.facts).map(([name, value]) => [
    name,
    String(Math.round(value * 1_000) / 1_000),
  ]);
  if (facts.length > 0) sections.push('', columns(['beside', ''], facts));
  sections.push(...report.notes.map((note) => `  ${note}`));
  return sections.join('\n');
}

function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(3) : ms.toFixed(1);
}

/** First column to the left, numbers to the right. */
function columns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) => Math.max(cell.length, ...rows.map((row) => (row[at] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, at) => (at === 0 ? (cells[at] ?? '').padEnd(width) : (cells[at] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map((cells) => `  ${line(cells)}`).join('\n');
}
