/** S-14: bytes of the fiscal world in words: hexadecimal digits on standard input, JSON on standard output. */
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';

/** Longer than any dump the decoder takes; it has a limit of its own. */
const INPUT_CHARS_MAX = 1_048_576;

export function fiscalCommand(context: CommandContext): Command {
  const decode = new Command('decode')
    .description('hexadecimal digits on standard input, JSON on standard output')
    .requiredOption(
      '--as <format>',
      'what the bytes are: session, container, document or a framing of a device',
    )
    .action(async ({ as }: { as: string }, command: Command) => {
      // Loaded here: no other command needs it, and it brings the driver of serial ports.
      const { decodeHex } = await import('@branchline/fiscal');
      const json = decodeHex(as, await context.ports.readInput(INPUT_CHARS_MAX));
      context.output(command).result(json, () => JSON.stringify(json, null, 2));
    });
  return new Command('fiscal').description('documents of the tax service, for people').addCommand(decode);
}
