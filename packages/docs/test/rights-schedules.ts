/**
 * Random schedules of rights, as many as asked for: `node --conditions=source --import tsx packages/docs/test/rights-schedules.ts 1000000 [first seed]`.
 *
 * Prints the violations found (with the seed of each) and how many customers were refused, beside an allocator who knows what is left
 * everywhere. Exit code 1 when anything was violated.
 */
import { playSchedule } from './rights-world.ts';

const [schedules = 10_000, first = 1] = process.argv.slice(2).map(Number);
const total = { wanted: 0, refused: 0, servedLater: 0, refusedByOmniscient: 0, moves: 0, violations: 0 };
for (let seed = first; seed < first + schedules; seed++) {
  const outcome = playSchedule(seed);
  total.wanted += outcome.wanted;
  total.refused += outcome.refused;
  total.servedLater += outcome.servedLater;
  total.refusedByOmniscient += outcome.refusedByOmniscient;
  total.moves += outcome.moves;
  for (const violation of outcome.violations) {
    total.violations += 1;
    process.stdout.write(`seed ${seed}: ${violation}\n`);
  }
}
const share = (count: number): string => `${((100 * count) / total.wanted).toFixed(1)} %`;
process.stdout.write(
  `${schedules} schedules, ${total.wanted} redemptions, ${total.moves} transfers: ${total.violations} violations; ` +
    `refused at once ${share(total.refused)}, in the end ${share(total.refused - total.servedLater)}, by an omniscient allocator ${share(total.refusedByOmniscient)}\n`,
);
process.exitCode = total.violations === 0 ? 0 : 1;
