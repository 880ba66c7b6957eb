/**
 * The command line, composed: every command is a file in `commands/`; this one knows only their names.
 *
 * Exit codes: 0 done, 1 failed (one line `error CODE: what happened. What to do.` on standard error), 2 wrong usage, and
 * what a running program ends with (`relay` and `node` end with 74 when their disk failed).
 */
import { Command, CommanderError } from 'commander';
import { commandContext } from './command-context.ts';
import { alarmsCommand } from './commands/alarms.ts';
import { backupCommand } from './commands/backup.ts';
import { benchCommand } from './commands/bench.ts';
import { branchCommand } from './commands/branch.ts';
import { catalogCommand } from './commands/catalog.ts';
import { configCommand } from './commands/config.ts';
import { customersCommand } from './commands/customers.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { drainCommand } from './commands/drain.ts';
import { employeeCommand } from './commands/employee.ts';
import { exportCommand } from './commands/export.ts';
import { fiscalCommand } from './commands/fiscal.ts';
import { importCommand } from './commands/import.ts';
import { initCommand } from './commands/init.ts';
import { kktCommand } from './commands/kkt.ts';
import { maintenanceCommand } from './commands/maintenance.ts';
import { nodeCommand } from './commands/node.ts';
import { ofdCommand } from './commands/ofd.ts';
import { packageCommand } from './commands/package.ts';
import { posSyncCommand } from './commands/pos-sync.ts';
import { provisionCommand } from './commands/provision.ts';
import { reconcileCommand } from './commands/reconcile.ts';
import { relayCommand } from './commands/relay.ts';
import { restoreCommand } from './commands/restore.ts';
import { statusCommand } from './commands/status.ts';
import { tillCommand } from './commands/till.ts';
import { tokenCommand } from './commands/token.ts';
import { verifyCommand } from './commands/verify.ts';
import { ExitCode } from './exit-code.ts';
import { failureLine } from './failure.ts';
import type { CliPorts } from './ports.ts';

const USAGE_ERROR = 2;
const FAILED = 1;

/** Runs one command; the exit code. Never throws. */
export async function runProgram(args: readonly string[], ports: CliPorts, version: string): Promise<number> {
  const program = composeProgram(ports, version);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are "errors" to commander; it has printed everything already.
      return error.exitCode === 0 ? 0 : USAGE_ERROR;
    }
    if (error instanceof ExitCode) {
      return error.code;
    }
    ports.stderr.write(failureLine(error));
    return FAILED;
  }
}

function composeProgram(ports: CliPorts, version: string): Command {
  const context = commandContext(ports);
  const program = new Command('branchline')
    .description('Shops keep selling without a network, and everybody agrees afterwards.')
    .version(version)
    .option('--json', 'one line of JSON instead of words; no progress')
    .showHelpAfterError('(branchline --help lists what there is)');
  const commands = [
    initCommand(context),
    relayCommand(context),
    branchCommand(context),
    provisionCommand(context),
    packageCommand(context),
    nodeCommand(context),
    configCommand(context),
    statusCommand(context),
    doctorCommand(context),
    verifyCommand(context),
    alarmsCommand(context),
    reconcileCommand(context),
    exportCommand(context),
    importCommand(context),
    backupCommand(context),
    restoreCommand(context),
    drainCommand(context),
    tillCommand(context),
    employeeCommand(context),
    maintenanceCommand(context),
    posSyncCommand(context),
    tokenCommand(context),
    catalogCommand(context),
    customersCommand(context),
    fiscalCommand(context),
    kktCommand(context),
    ofdCommand(context),
    demoCommand(context),
    benchCommand(context),
  ];
  for (const command of commands) {
    program.addCommand(command);
  }
  return hardened(program, ports);
}

/** Throw instead of exiting, and write to our sinks, for every command below as well. */
function hardened(command: Command, ports: CliPorts): Command {
  command.exitOverride().configureOutput({
    writeOut: (text) => ports.stdout.write(text),
    writeErr: (text) => ports.stderr.write(text),
  });
  for (const child of command.commands) {
    hardened(child, ports);
  }
  return command;
}
