/** S-8, S-17: runs a node until it is told to stop, or until its disk fails. */
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';

export function nodeCommand(_context: CommandContext): Command {
  return new Command('node').description('run a node');
}
