/**
 * The node as a process: real clock, real dice, log to stderr, one line to stdout when tills can sell.
 *
 * `runNode` resolves when `signal` aborted and everything is closed; it rejects when the store failed, and the process must then
 * end with a code of its own so that whoever supervises it starts it again.
 */
import { systemClock, systemRandom } from 'hlc-ts';
import { pino } from 'pino';
import type { NodeConfig } from './config.ts';
import { NodeError } from './errors.ts';
import { NodeProgram } from './node-program.ts';

export interface RunOptions {
  /** Called once, with what is printed as `{"event":"listening",…}`. */
  readonly onListening?: (program: NodeProgram) => void;
}

export async function runNode(
  config: NodeConfig,
  signal: AbortSignal,
  options: RunOptions = {},
): Promise<void> {
  const log = pino({ level: config.log, base: { name: 'node' } }, pino.destination(2));
  const program = await NodeProgram.open(
    { clock: systemClock(), random: systemRandom(), log, signal },
    config,
  );
  options.onListening?.(program);
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) {
      resolve(undefined);
    }
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const failure = await Promise.race([program.failed, stopped]);
  if (failure !== undefined) {
    log.fatal({ err: failure }, 'the disk or its data failed; the next start verifies the journal');
    await program.close().catch((error: unknown) => log.error({ err: error }, 'closing failed'));
    throw new NodeError('NODE_FAILED', failure.message, {
      cause: failure,
      retryable: true,
      hint: 'Start the node again; it verifies its journal first. If this returns, check the disk.',
    });
  }
  await program.close();
}
