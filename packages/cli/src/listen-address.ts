/** `HOST:PORT` of an option, taken apart. Port 0 takes a free one. */
import { InvalidArgumentError } from 'commander';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export function parseListenAddress(text: string): ListenAddress {
  const match = /^(\[[0-9a-fA-F:]+\]|[^\s:/]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new InvalidArgumentError('must be HOST:PORT, e.g. 127.0.0.1:7777');
  }
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port };
}
