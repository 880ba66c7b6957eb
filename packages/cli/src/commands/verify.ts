/**
 * S-10: re-checks every byte, hash and signature of the journal from its first record, and names the first broken entry; then makes
 * everything a node has derived from it a second time, and names the first row that is not what the feeds give.
 *
 * The journal is read as files, so it can be checked on a stopped, a running and a broken program's data alike. What is derived moves
 * while a node runs and is checked on a stopped one.
 *
 * What came of it is left in the folder as a mark that metrics and alarms count from. With `--with-backup` the copy `branchline backup`
 * made last is checked as well, and is part of what the mark says.
 */
import { NodeDisk, type Verified, verifyStore } from '@branchline/feed';
import type { ProjectionsVerified } from '@branchline/node';
import type { Command } from 'commander';
import { isoTime } from 'hlc-ts';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { lastBackup, markVerified, markVerifyFailed } from '../data-backup.ts';
import { type DataFolder, readDataFolder } from '../data-folder.ts';
import { CliError } from '../errors.ts';
import type { Output } from '../output.ts';
import { RunningProgram } from '../running-program.ts';

/** What became of the second part, or why there was none. */
type Derived = { readonly checked: true } & ProjectionsVerified;
interface NotDerived {
  readonly checked: false;
  readonly why: string;
}
interface BackupVerified {
  readonly path: string;
  readonly entries: number;
}

interface VerifyOptions {
  readonly data: string;
  readonly feed?: string;
  readonly withBackup?: boolean;
}

export function verifyCommand(context: CommandContext): Command {
  return dataCommand(
    'verify',
    're-check every hash, signature and row; exit 1 with the first broken entry',
    context,
  )
    .option('--feed <name>', 'ask about one feed')
    .option('--with-backup', 'check the copy that was made last, too')
    .action(async ({ data, feed, withBackup = false }: VerifyOptions, command: Command) => {
      const folder = await readDataFolder(data);
      const output = context.output(command);
      const verified = await marked(folder, withBackup, context, async () => {
        const { feeds, entries, tornBytes, position } = await verifyJournal(folder, output);
        const heads = [...feeds].filter(([name]) => feed === undefined || name === feed);
        if (feed !== undefined && heads.length === 0) {
          return undefined;
        }
        const projections = await verifyDerived(folder, position, feed, context, output);
        const backup = withBackup ? await verifyBackup(folder, output) : undefined;
        return { heads, entries, tornBytes, projections, backup };
      });
      if (verified === undefined) {
        throw new CliError('VERIFY_FAILED', `there is no feed ${feed} here`, {
          hint: 'Leave --feed out to check all.',
        });
      }
      const { heads, entries, tornBytes, projections, backup } = verified;
      const report = {
        ok: true,
        feeds: heads.map(([name, head]) => ({ feed: name, seq: head.seq, hash: hex(head.hash) })),
        entries,
        tornBytes,
        projections,
        ...(backup === undefined ? {} : { backup }),
      };
      output.result(report, () => words(report));
    });
}

/** Leaves in the folder what came of it; a feed nobody has is no finding. */
async function marked<Found>(
  { path }: DataFolder,
  withBackup: boolean,
  { ports: { clock } }: CommandContext,
  verify: () => Promise<Found>,
): Promise<Found> {
  const mark = { at: isoTime(clock.nowMs()), withBackup };
  try {
    const found = await verify();
    if (found !== undefined) {
      await markVerified(path, mark);
    }
    return found;
  } catch (error) {
    if (error instanceof CliError && error.code === 'VERIFY_FAILED') {
      await markVerifyFailed(path, { ...mark, words: error.message });
    }
    throw error;
  }
}

/** The copy is a data folder like any other: what `restore` would put back can be read to its last entry. */
async function verifyBackup(folder: DataFolder, output: Output): Promise<BackupVerified> {
  const wrong = (what: string, cause?: unknown) =>
    new CliError('VERIFY_FAILED', what, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'Make another with branchline backup, into a new folder.',
    });
  const path = await lastBackup(folder.path);
  if (path === undefined) {
    throw wrong('no backup of this folder was ever made');
  }
  const copy = await readDataFolder(path).catch((cause: Error) => {
    throw wrong(`the last backup, ${path}, is not a whole copy: ${cause.message}`, cause);
  });
  if (copy.kind !== folder.kind || copy.tenant !== folder.tenant) {
    throw wrong(`${path} is no copy of this folder: it holds the ${copy.kind} of ${copy.tenant}`);
  }
  try {
    const { entries } = await verifyJournal(copy, output);
    return { path, entries };
  } catch (cause) {
    throw wrong(`the last backup, ${path}: ${(cause as Error).message}`, cause);
  }
}

async function verifyJournal({ journal, tenant }: DataFolder, output: Output): Promise<Verified> {
  const onProgress = (done: number): void => output.progress(`verified ${Math.round(done * 100)} %`);
  const verified = await verifyStore({ disk: new NodeDisk(), dir: journal, tenant, onProgress });
  const { broken } = verified;
  if (broken !== undefined) {
    const entry = broken.feed === undefined ? 'an entry' : `entry ${broken.seq} of ${broken.feed}`;
    throw new CliError(
      'VERIFY_FAILED',
      `${entry} is not as it was written: ${broken.what} (${broken.segment}, offset ${broken.offset})`,
      { hint: 'Stop the program, keep this folder as evidence, and restore a backup.' },
    );
  }
  return verified;
}

async function verifyDerived(
  { kind, path }: DataFolder,
  position: number,
  feed: string | undefined,
  { ports }: CommandContext,
  output: Output,
): Promise<Derived | NotDerived> {
  if (kind === 'relay') {
    return { checked: false, why: 'a relay derives nothing from its feeds' };
  }
  if (feed !== undefined) {
    return { checked: false, why: 'only one feed was asked about' };
  }
  const running = await RunningProgram.find(path);
  if (running !== undefined) {
    const why = `the node is running (process ${running.pid}); what it derives is checked while it is stopped`;
    return { checked: false, why };
  }
  const { verifyProjections } = await import('@branchline/node');
  const onProgress = (done: number): void => output.progress(`derived again ${Math.round(done * 100)} %`);
  const { clock } = ports;
  const derived = await verifyProjections({ data: path, journalEnd: position, clock, onProgress });
  if (derived === undefined) {
    return { checked: false, why: 'nothing is derived yet; the next start does it' };
  }
  const { difference } = derived;
  if (difference !== undefined) {
    const { what, key, expected, found } = difference;
    throw new CliError(
      'VERIFY_FAILED',
      `${what} ${key} is not what the feeds give: expected ${expected}, found ${found}`,
      {
        hint: `Keep a copy of ${path} as evidence, then move its index folder away: the next start makes it again from the feeds.`,
      },
    );
  }
  return { checked: true, ...derived };
}

function words(report: {
  feeds: unknown[];
  entries: number;
  tornBytes: number;
  projections: Derived | NotDerived;
  backup?: BackupVerified;
}): string {
  const { feeds, entries, tornBytes, projections, backup } = report;
  const torn =
    tornBytes === 0 ? '' : ` ${tornBytes} bytes of a commit that was never acknowledged stand at the end.`;
  const derived = projections.checked
    ? `${projections.rows} rows and ${projections.documents} documents are what they add up to; so are the balances of ${balancesInWords(projections)}.`
    : `Not checked: what is derived from them, because ${projections.why}.`;
  const copy =
    backup === undefined
      ? ''
      : `\nThe last backup, ${backup.path}, holds ${backup.entries} of them, as they were written.`;
  return `${entries} entries in ${feeds.length} feeds are as they were written.${torn}\n${derived}${copy}`;
}

function balancesInWords({ balances: { devices, inPart } }: Derived): string {
  const whole = `${devices} ${devices === 1 ? 'device' : 'devices'}`;
  return inPart === 0 ? whole : `${whole} (of ${inPart} more only part is held here)`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
