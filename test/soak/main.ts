/**
 * `npm run soak -- --minutes 120`: a relay, head office and two branches as real programs that sell, change prices and lose their lines now
 * and then, for as long as asked. Each round ends level; then each program is looked at, so that samples are of like moments.
 *
 *     sell ─> cut a line ─> sell on ─> heal ─> level ─> look (memory, heap, descriptors, timers, handles)
 *
 * Prints a page (`--out FILE` keeps it, too): how each figure rose after the warm-up (slope.ts), and how far it may. In the end every
 * acknowledged sale is asked for and every folder verified. Exits non-zero when something rose further, or was lost.
 */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { isoTime, systemClock } from 'hlc-ts';
import { SoakChain } from './chain.ts';
import { trendOf } from './slope.ts';
import { MEASURES, type Watched } from './watched.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '120' }, out: { type: 'string' } },
});
/** Of every branch, before a cut and during it. */
const SALES = 10;
const CUT_MS = 2_000;
const PAUSE_MS = 5_000;

const clock = systemClock();
const beganMs = clock.monotonicMs();
const elapsedMs = (): number => clock.monotonicMs() - beganMs;
const lines = [
  `# Soak, ${isoTime(clock.nowMs()).slice(0, 16).replace('T', ' ')} UTC`,
  '',
  `Commit \`${execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()}\`, ${availableParallelism()} cores, Node.js ${process.version}.`,
  `Load average when the run began: ${loadavg()[0]!.toFixed(1)}.`,
  '',
];

await using chain = await SoakChain.open();
let rounds = 0;
while (elapsedMs() < Number(values.minutes) * 60_000) {
  await chain.sell(SALES);
  const { line } = chain.nodes[rounds % chain.nodes.length]!;
  line.cut();
  await chain.sell(SALES);
  await clock.sleep(CUT_MS);
  line.heal();
  await chain.level(`cut ${rounds + 1}`);
  for (const program of chain.programs) {
    await program.look(elapsedMs());
  }
  rounds += 1;
  await clock.sleep(PAUSE_MS);
}
const minutes = Math.round(elapsedMs() / 60_000);
const grown = chain.programs.flatMap(table);
const sales = await chain.settle();
lines.splice(
  4,
  0,
  `${minutes} minutes, ${rounds} cuts of a line, ${sales} sales: every acknowledged one is there, every folder verified.`,
);
lines.push(
  '',
  grown.length === 0 ? 'Nothing rose further than it may.' : `Rose further than it may: ${grown.join('; ')}.`,
  '',
);
process.stdout.write(lines.join('\n'));
if (values.out !== undefined) {
  await writeFile(values.out, lines.join('\n'));
}
process.exitCode = grown.length === 0 ? 0 : 1;

/** Adds the table of a program; what of it grew. */
function table({ name, samples }: Watched): string[] {
  lines.push(`## ${name}`, '', '| | first | last | mean | an hour | rose by | may rise by |');
  lines.push('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
  const grown: string[] = [];
  for (const measure of MEASURES) {
    const taken = samples.get(measure.name)!;
    const trend = trendOf(taken);
    if (trend === undefined) {
      throw new Error(`${taken.length} samples of ${name} say nothing: more --minutes`);
    }
    const { mean, perHour, rise } = trend;
    const max = Math.max(mean * measure.riseShare, measure.riseLeast);
    const cells = [taken[0]!.value, taken.at(-1)!.value, mean, perHour, rise, max];
    lines.push(`| ${measure.name} | ${cells.map((cell) => cell.toFixed(1)).join(' | ')} |`);
    if (rise > max) {
      grown.push(`${measure.name} of ${name}`);
    }
  }
  lines.push('');
  return grown;
}
