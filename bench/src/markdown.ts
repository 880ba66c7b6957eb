/** A report as a page: what was measured, where, tables of figures, and the charts beside it. */
import type { CaseReport, RunReport } from './report.ts';
import { summarize } from './statistics.ts';

/** A chart that was drawn: its title and the name of its file. */
export interface Drawn {
  readonly title: string;
  readonly file: string;
}

export function formatMarkdown(report: RunReport, charts: readonly Drawn[] = []): string {
  const { machine } = report;
  return [
    `# Benchmark, ${report.startedAt.slice(0, 16).replace('T', ' ')} UTC`,
    '',
    `Commit \`${report.commit}\`, seed ${report.seed}. ${machine.cpu}, ${machine.cores} cores, ${machine.platform}, ${machine.runtime}.`,
    `Load average when the run began: ${report.loadBefore}${report.loadBefore > 0.5 ? ' (others were using the machine: times are longer than they need be, processor seconds are not)' : ''}.`,
    '',
    ...charts.flatMap(({ title, file }) => [`![${title}](${file})`, '']),
    ...report.cases.flatMap(caseLines),
  ].join('\n');
}

function caseLines({ case: name, series, ratios, facts, notes }: CaseReport): string[] {
  const rows = series.map(({ name: what, samplesMs }) => {
    const summary = summarize(samplesMs);
    return summary === undefined
      ? [what, '0', '–', '–', '–', '–']
      : [
          what,
          String(summary.count),
          ...[summary.p50, summary.p95, summary.p99, summary.max].map(shortNumber),
        ];
  });
  return [
    `## ${name}`,
    '',
    ...(rows.length === 0 ? [] : table(['', 'n', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'], rows)),
    ...(ratios.length === 0
      ? []
      : table(
          ['ratio', '', ''],
          ratios.map((each) => [each.name, `${each.value.toFixed(2)}×`, `${each.better} is better`]),
        )),
    ...(Object.keys(facts).length === 0
      ? []
      : table(
          ['', ''],
          Object.entries(facts).map(([what, value]) => [what, shortNumber(value)]),
        )),
    ...notes.map((note) => `- ${note}`),
    '',
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = `| ${head.map((_, at) => (at === 0 ? '---' : '---:')).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line), ''];
}

function shortNumber(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return value < 10 ? value.toFixed(3) : value.toFixed(1);
}
