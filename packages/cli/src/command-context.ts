/**
 * What every command file gets, and the two options most of them share.
 */
import { Command } from 'commander';
import { Output } from './output.ts';
import type { CliPorts } from './ports.ts';

/** Where `branchline demo` keeps its programs, and what a command looks at when it is told nothing else. */
export const DATA_DEFAULT = '.branchline';

export interface CommandContext {
  readonly ports: CliPorts;
  /** The output as the options of the command ask for it. */
  output(command: Command): Output;
}

export function commandContext(ports: CliPorts): CommandContext {
  return {
    ports,
    output: (command) => new Output(ports, command.optsWithGlobals<{ json?: boolean }>().json === true),
  };
}

/** A command that works on the data of a node or relay: `--data DIR`, or `BRANCHLINE_DATA`. */
export function dataCommand(name: string, description: string, { ports }: CommandContext): Command {
  return new Command(name)
    .description(description)
    .option('--data <dir>', 'folder of the node or relay', ports.environment.BRANCHLINE_DATA ?? DATA_DEFAULT);
}
