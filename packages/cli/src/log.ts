/**
 * Logs go to standard error: JSON lines, or readable ones on a terminal. Commands that do one thing and end log nothing; they
 * say what happened themselves.
 */

import { isoTime } from 'hlc-ts';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { CliPorts } from './ports.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export function silentLog(): Logger {
  return pino({ level: 'silent' });
}

export function programLog(ports: Pick<CliPorts, 'stderr'>, level: LogLevel, name: string): Logger {
  const destination: DestinationStream = {
    write: (line) => ports.stderr.write(ports.stderr.isTerminal ? readable(line) : line),
  };
  return pino({ level, base: { name } }, destination);
}

const LEVELS: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

interface LogLine {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

function readable(line: string): string {
  const { level, time, msg = '', name, ...fields } = JSON.parse(line) as LogLine;
  const words = Object.entries(fields).map(([key, value]) => `${key}=${brief(value)}`);
  return (
    `${isoTime(time).slice(11, 23)} ${LEVELS[level] ?? level} ${String(name)}: ${msg} ${words.join(' ')}`.trimEnd() +
    '\n'
  );
}

function brief(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'stack' in value) {
    return String(value.stack);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
