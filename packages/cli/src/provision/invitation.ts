/**
 * An invitation as one line of text: what a new device needs to know, short enough for a QR code that a hand scanner types.
 *
 *     branchline:B001?relay=https%3A%2F%2Frelay.example&token=…
 *
 * It holds the one-time token: whoever reads it may enrol one device of that branch until it is used or expires.
 */
import { CliError } from '../errors.ts';

const SCHEME = 'branchline:';

export interface Invitation {
  readonly branch: string;
  readonly relay: string;
  readonly token: string;
}

export function writeInvitation({ branch, relay, token }: Invitation): string {
  return `${SCHEME}${encodeURIComponent(branch)}?${new URLSearchParams({ relay, token })}`;
}

/** Throws `CONFIG_INVALID`. */
export function readInvitation(text: string): Invitation {
  const [, branch, query] = /^branchline:([^?]+)\?(.+)$/.exec(text.trim()) ?? [];
  const fields = new URLSearchParams(query ?? '');
  const [relay, token] = [fields.get('relay'), fields.get('token')];
  if (branch === undefined || relay === null || token === null) {
    throw new CliError('CONFIG_INVALID', 'that is no invitation of `branchline provision`', {
      hint: 'Scan the code again, or use the config file of the branch.',
    });
  }
  return { branch: decodeURIComponent(branch), relay, token };
}
