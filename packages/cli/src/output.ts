/**
 * What a command says: one result on standard output, progress on standard error while a person watches.
 *
 * With `--json` the result is one line of JSON and nothing else is said. Without it the words of the command are printed.
 * Progress is for terminals only: piped or under `--json` a command is quiet until its result.
 */
import type { CliPorts } from './ports.ts';

export class Output {
  readonly json: boolean;
  readonly #ports: Pick<CliPorts, 'stdout' | 'stderr'>;
  #progressWidth = 0;

  constructor(ports: Pick<CliPorts, 'stdout' | 'stderr'>, json: boolean) {
    this.#ports = ports;
    this.json = json;
  }

  result(value: unknown, words: () => string): void {
    this.#clearProgress();
    this.#ports.stdout.write(this.json ? `${JSON.stringify(value)}\n` : `${words()}\n`);
  }

  /** A machine-readable line whatever the mode: what a program says when it started. */
  event(value: object): void {
    this.#ports.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Replaces the progress line. */
  progress(words: string): void {
    if (this.json || !this.#ports.stderr.isTerminal) {
      return;
    }
    this.#ports.stderr.write(`\r${words.padEnd(this.#progressWidth)}`);
    this.#progressWidth = words.length;
  }

  #clearProgress(): void {
    if (this.#progressWidth > 0) {
      this.#ports.stderr.write(`\r${' '.repeat(this.#progressWidth)}\r`);
      this.#progressWidth = 0;
    }
  }
}

/** Columns as wide as their widest cell, two spaces between. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `3 s`, `12 min`, `5 h`, `2 days`: for people. */
export function ageWords(seconds: number): string {
  if (seconds < 90) {
    return `${Math.round(seconds)} s`;
  }
  if (seconds < 90 * 60) {
    return `${Math.round(seconds / 60)} min`;
  }
  if (seconds < 48 * 3600) {
    return `${Math.round(seconds / 3600)} h`;
  }
  return `${Math.round(seconds / 86_400)} days`;
}

export function bytesWords(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
