/** The books of one day of a branch, compared: what does not fit, and what to do. Exit 1 when something does not. */
import { dayReconciliation } from '@branchline/model';
import type { Command } from 'commander';
import { isoTime } from 'hlc-ts';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { RunningProgram } from '../running-program.ts';

interface ReconcileOptions {
  readonly data: string;
  readonly day?: string;
  readonly branch?: string;
  readonly zone: string;
}

export function reconcileCommand(context: CommandContext): Command {
  return dataCommand('reconcile', 'compare the books of one day: orders, documents, drawer, shelf', context)
    .option('--day <yyyy-mm-dd>', 'today when left out')
    .option('--branch <code>', "the node's own when left out; head office may ask for any")
    .option('--zone <minutes>', 'how far the clock of the branch is ahead of UTC', '0')
    .action(async ({ data, day, branch, zone }: ReconcileOptions, command: Command) => {
      const program = await RunningProgram.require(data);
      if (program.kind !== 'node') {
        throw new CliError('WRONG_PROGRAM', `${data} is the folder of a relay; a node has the books`, {
          hint: 'Name the folder of a node with --data DIR.',
        });
      }
      const query = new URLSearchParams({
        day: day ?? isoTime(context.ports.clock.nowMs()).slice(0, 10),
        offsetMinutes: zone,
        ...(branch === undefined ? {} : { branch }),
      });
      const answer = dayReconciliation.parse(await program.get(`/v1/reports/reconciliation?${query}`));
      const { mismatches, moreMismatches, orders, refunds, documents, confirmed } = answer;
      context
        .output(command)
        .result(answer, () =>
          [
            `${answer.branch}, ${answer.day}: ${orders} orders, ${refunds} refunds, ${documents} documents, ${confirmed} with the operator.`,
            ...mismatches.map(({ words }) => `  ${words}`),
            ...(moreMismatches === 0 ? [] : [`  and ${moreMismatches} more`]),
            answer.words,
          ].join('\n'),
        );
      if (mismatches.length > 0) {
        throw new CliError('BOOKS_DIFFER', `${mismatches.length + moreMismatches} things do not fit`, {
          hint: mismatches[0]!.words,
        });
      }
    });
}
