/**
 * The `branchline` binary: the one place of the command line that touches the process, its environment and the real clock.
 *
 * Started by `bin/branchline.js` from the built files, or from source:
 * `node --conditions=source --import tsx packages/cli/src/main.ts`.
 *
 * The first Ctrl-C (or a request to terminate) asks the command to stop and waits for it; the second ends it at once.
 */
import { systemClock, systemRandom } from 'hlc-ts';
import { CliError } from './errors.ts';
import type { TextSink } from './ports.ts';
import { runProgram } from './program.ts';
import { VERSION } from './version.ts';

const EXIT_INTERRUPTED = 130;

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (stop.signal.aborted) {
      process.exit(EXIT_INTERRUPTED);
    }
    stop.abort(new Error(`asked to stop by ${name}`));
  });
}

const code = await runProgram(
  process.argv.slice(2),
  {
    clock: systemClock(),
    random: systemRandom(),
    environment: process.env,
    stdout: sink(process.stdout),
    stderr: sink(process.stderr),
    stdinEnded: () =>
      new Promise((resolve) => process.stdin.once('close', resolve).once('end', resolve).resume()),
    readInput,
    signal: stop.signal,
  },
  VERSION,
);
await flushed(process.stdout);
process.exit(code);

function sink(stream: NodeJS.WriteStream): TextSink {
  return {
    write: (text) => {
      stream.write(text);
    },
    isTerminal: stream.isTTY === true,
  };
}

async function readInput(charsMax: number): Promise<string> {
  let text = '';
  for await (const part of process.stdin.setEncoding('utf8')) {
    text += part;
    if (text.length > charsMax) {
      throw new CliError('INPUT_TOO_LARGE', `standard input holds more than ${charsMax} characters`, {
        hint: 'Hand over one message at a time.',
      });
    }
  }
  return text;
}

/** What was written to a pipe may still be on its way; exiting would cut it off. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
