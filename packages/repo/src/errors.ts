/**
 * What goes wrong with live documents, by code.
 *
 * `RepoError` is thrown at the program; a `CloseCode` is the reason a socket is closed with, and an `EditCode` is told to a client
 * whose edit was not taken over. Callers look at the code, never at the text.
 */

export type RepoErrorCode = 'REPO_KEY' | 'REPO_VALUE' | 'REPO_STORAGE' | 'REPO_CLOSED';

export class RepoError extends Error {
  override readonly name = 'RepoError';
  readonly code: RepoErrorCode;
  readonly hint: string | undefined;

  constructor(code: RepoErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** Why a socket was closed: the text of the WebSocket close frame. */
export type CloseCode =
  | 'JOIN_EXPECTED'
  | 'JOIN_AGAIN'
  | 'JOIN_VERSION'
  | 'PEER_TAKEN'
  | 'PEER_REFUSED'
  | 'PEER_FORGED'
  | 'PEER_REPLACED'
  | 'FRAME_INVALID'
  | 'RATE_EXCEEDED'
  | 'CLIENT_SLOW'
  | 'CLIENT_SILENT'
  | 'CLIENTS_FULL'
  | 'CHANGE_HOSTILE'
  | 'ACCESS_ENDED'
  | 'SERVER_CLOSED';

/** Numbers of RFC 6455: 1008 for what a client did wrong, 1013 for "try again later", 1001 for an end that is nobody's fault. */
export const CLOSE_NUMBERS: Readonly<Record<CloseCode, number>> = {
  JOIN_EXPECTED: 1008,
  JOIN_AGAIN: 1008,
  JOIN_VERSION: 1008,
  PEER_TAKEN: 1008,
  PEER_REFUSED: 1008,
  PEER_FORGED: 1008,
  PEER_REPLACED: 1001,
  FRAME_INVALID: 1008,
  RATE_EXCEEDED: 1013,
  CLIENT_SLOW: 1013,
  CLIENT_SILENT: 1001,
  CLIENTS_FULL: 1013,
  CHANGE_HOSTILE: 1008,
  ACCESS_ENDED: 1008,
  SERVER_CLOSED: 1001,
};

/** Why an edit was not taken over. */
export type EditCode = 'EDIT_READ_ONLY' | 'EDIT_SHAPE' | 'EDIT_STALE' | 'EDIT_REFUSED';
