/**
 * S-9: looks for what needs a person, and says what to do. Exit 1 when something does.
 *
 * With `--branch CODE` the relay asks that branch: at once if it is in contact, else the question waits there until it is back.
 */
import type { Finding } from '@branchline/node';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { examine } from '../examination.ts';
import { RunningProgram } from '../running-program.ts';

const MARKS: Readonly<Record<Finding['level'], string>> = { fine: 'ok  ', watch: 'look', act: 'ACT ' };
const ASK_EVERY_MS = 500;
const WAIT_SECONDS = 30;

const examination = z.looseObject({
  id: z.string(),
  writer: z.string(),
  askedBy: z.string(),
  askedAt: z.string(),
  state: z.enum(['waiting', 'answered']),
  answeredAt: z.string().optional(),
  findings: z
    .array(
      z.object({
        level: z.enum(['fine', 'watch', 'act']),
        what: z.string(),
        advice: z.string().exactOptional(),
      }),
    )
    .optional(),
});
type Examination = z.infer<typeof examination>;
const examinations = z.object({ examinations: z.array(examination) });

interface DoctorOptions {
  readonly data: string;
  readonly branch?: string;
  readonly wait: number;
  readonly last?: boolean;
}

export function doctorCommand(context: CommandContext): Command {
  return dataCommand('doctor', 'what needs a person, and what to do about it', context)
    .option('--branch <code>', 'ask this branch through the relay of --data; waits there until it is back')
    .option('--wait <seconds>', 'how long to wait for its answer here', seconds, WAIT_SECONDS)
    .option('--last', 'show its last answer, and ask nothing')
    .action(async ({ data, branch, wait, last = false }: DoctorOptions, command: Command) => {
      if (branch === undefined) {
        const findings = await examine(data);
        conclude(findings, () =>
          context.output(command).result({ ok: !findings.some(isAct), findings }, () => listed(findings)),
        );
        return;
      }
      const found = await (last ? lastOf(data, branch) : ask(context, data, branch, wait));
      const findings = found.flatMap((each) => each.findings ?? []);
      const isWaiting = found.some(({ state }) => state === 'waiting');
      const ok = !isWaiting && !findings.some(isAct);
      conclude(findings, () =>
        context
          .output(command)
          .result({ ok, branch, examinations: found }, () => found.map(wordsOf).join('\n\n')),
      );
    });
}

/** Printed first: whoever reads only the exit code reads that of the findings. */
function conclude(findings: readonly Finding[], print: () => void): void {
  print();
  const acts = findings.filter(isAct);
  if (acts.length > 0) {
    throw new CliError('DOCTOR_FINDINGS', `${acts.length} of ${findings.length} checks need you`, {
      hint: acts[0]!.advice ?? '',
    });
  }
}

async function ask(
  { ports }: CommandContext,
  data: string,
  branch: string,
  waitSeconds: number,
): Promise<Examination[]> {
  const relay = await relayOn(data);
  const path = `/v1/branches/${encodeURIComponent(branch)}/doctor`;
  const asked = new Set(examinations.parse(await relay.post(path)).examinations.map(({ id }) => id));
  const untilMs = ports.clock.monotonicMs() + waitSeconds * 1_000;
  for (;;) {
    const { examinations: all } = examinations.parse(await relay.get(path));
    const ours = all.filter(({ id }) => asked.has(id));
    if (ours.every(({ state }) => state === 'answered') || ports.clock.monotonicMs() >= untilMs) {
      return ours;
    }
    await ports.clock.sleep(ASK_EVERY_MS, { signal: ports.signal });
  }
}

async function lastOf(data: string, branch: string): Promise<Examination[]> {
  const relay = await relayOn(data);
  const path = `/v1/branches/${encodeURIComponent(branch)}/doctor`;
  const { examinations: all } = examinations.parse(await relay.get(path));
  const latest = new Map<string, Examination>();
  for (const each of all) {
    if (!latest.has(each.writer)) {
      latest.set(each.writer, each);
    }
  }
  return [...latest.values()];
}

async function relayOn(data: string): Promise<RunningProgram> {
  const program = await RunningProgram.require(data);
  if (program.kind !== 'relay') {
    throw new CliError('NOT_RUNNING', `a node runs on ${data}; branches are asked through the relay`, {
      hint: 'Name the folder of the relay with --data DIR.',
    });
  }
  return program;
}

function wordsOf({ writer, askedAt, answeredAt, findings = [] }: Examination): string {
  return answeredAt === undefined
    ? `${writer}: asked at ${askedAt}, not answered yet. The question waits at the relay; see the answer with --last.`
    : `${writer}: answered at ${answeredAt}\n${listed(findings)}`;
}

function listed(findings: readonly Finding[]): string {
  return findings.map(findingWords).join('\n');
}

function isAct({ level }: Finding): boolean {
  return level === 'act';
}

function findingWords({ level, what, advice }: Finding): string {
  return `${MARKS[level]}  ${what}${advice === undefined ? '' : `\n      ${advice}`}`;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 86_400) {
    throw new InvalidArgumentError('It must be whole seconds, up to a day.');
  }
  return value;
}
