/** S-9: looks for what needs a person, and says what to do. Exit 1 when something does. */
import type { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { examine, type Finding } from '../examination.ts';

const MARKS: Readonly<Record<Finding['level'], string>> = { fine: 'ok  ', watch: 'look', act: 'ACT ' };

export function doctorCommand(context: CommandContext): Command {
  return dataCommand('doctor', 'what needs a person, and what to do about it', context).action(
    async ({ data }: { data: string }, command: Command) => {
      const findings = await examine(data);
      const acts = findings.filter((finding) => finding.level === 'act');
      context
        .output(command)
        .result({ ok: acts.length === 0, findings }, () => findings.map(findingWords).join('\n'));
      if (acts.length > 0) {
        throw new CliError('DOCTOR_FINDINGS', `${acts.length} of ${findings.length} checks need you`, {
          hint: acts[0]!.advice ?? '',
        });
      }
    },
  );
}

function findingWords({ level, what, advice }: Finding): string {
  return `${MARKS[level]}  ${what}${advice === undefined ? '' : `\n      ${advice}`}`;
}
