/**
 * The life of a running program after it listens: until somebody asks it to stop, or until its disk fails.
 *
 * A failed disk ends the program with a code of its own. What was acknowledged is on disk; what was under way got no answer.
 * Whoever supervises the program starts it again, and the start verifies the journal before it serves.
 */
import { isoTime } from 'hlc-ts';
import type { Logger } from 'pino';
import type { CommandContext } from './command-context.ts';
import { markFolder } from './data-backup.ts';
import { ExitCode } from './exit-code.ts';
import { failureLine } from './failure.ts';

/** As sysexits.h has it: an error doing input or output. */
export const EXIT_DISK_FAILED = 74;
/** Closing that takes longer is given up: everything acknowledged is durable anyway. */
const CLOSE_WITHIN_MS = 10_000;

export interface RunningService {
  readonly failed: Promise<Error>;
  /** Resolves when it has made way for a successor. */
  readonly drained?: Promise<void>;
  close(): Promise<void>;
}

interface RunOptions {
  readonly context: CommandContext;
  readonly log: Pick<Logger, 'info' | 'error' | 'fatal'>;
  /** Stop as well when standard input ends: the program was started by another that holds the other end. */
  readonly untilStdinEnds?: boolean;
  /** Its folder: told there when the disk failed, for the next life to say so. */
  readonly data?: string;
}

export async function runUntilStopped(
  service: RunningService,
  { context, log, untilStdinEnds = false, data }: RunOptions,
): Promise<void> {
  const { signal, stderr, clock, stdinEnded } = context.ports;
  const asked = new Promise<undefined>((resolve) => {
    if (signal.aborted) {
      resolve(undefined);
    }
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const orphaned = untilStdinEnds ? [stdinEnded().then(() => undefined)] : [];
  const drained = service.drained === undefined ? [] : [service.drained.then(() => undefined)];
  const failure = await Promise.race([service.failed, asked, ...orphaned, ...drained]);
  if (failure !== undefined) {
    log.fatal({ err: failure }, 'the store failed; ending, the next start verifies it');
    stderr.write(failureLine(failure));
    if (data !== undefined) {
      await markFolder(data, 'last-failure', { at: isoTime(clock.nowMs()), words: failure.message });
    }
  } else {
    log.info('asked to stop');
  }
  const gaveUp = clock.sleep(CLOSE_WITHIN_MS).then(() => 'gave up' as const);
  const closed = await Promise.race([service.close().then(() => 'closed' as const), gaveUp]).catch(
    (error) => {
      log.error({ err: error }, 'closing failed');
      return 'gave up' as const;
    },
  );
  if (failure !== undefined) {
    throw new ExitCode(EXIT_DISK_FAILED);
  }
  if (closed === 'gave up') {
    throw new ExitCode(1);
  }
}
