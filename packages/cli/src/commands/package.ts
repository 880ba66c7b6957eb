/** An archive to install from where there is no network: `branchline package --to FILE`. */
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { bytesWords } from '../output.ts';
import { VERSION } from '../version.ts';

export function packageCommand(context: CommandContext): Command {
  return new Command('package')
    .description('one archive with everything a machine without a network needs, Node included')
    .requiredOption('--to <file>', 'e.g. branchline.tar.gz')
    .action(async ({ to }: { to: string }, command: Command) => {
      const { packInstallation } = await import('../install-bundle.ts');
      const packed = await packInstallation(to, VERSION);
      context
        .output(command)
        .result(
          packed,
          () =>
            `${to}: ${packed.modules} modules, ${bytesWords(packed.bytes)}. On the machine: tar -xf ${to} -C /opt`,
        );
    });
}
