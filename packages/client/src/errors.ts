/**
 * Failures that are not the node's answer. What the node refuses arrives as the model's `ProblemError`, with its own codes.
 *
 * After `CLIENT_UNREACHABLE` and `CLIENT_TIMEOUT` a write may or may not have happened: repeat it later with the same key.
 */
export type ClientErrorCode = 'CLIENT_UNREACHABLE' | 'CLIENT_TIMEOUT' | 'CLIENT_ANSWER';

const hints: Readonly<Record<ClientErrorCode, string>> = {
  CLIENT_UNREACHABLE: 'Check that the node runs and the address is right; repeat with the same key.',
  CLIENT_TIMEOUT: 'The node answers too slowly; repeat with the same key.',
  CLIENT_ANSWER:
    'What answered is not a Branchline node this SDK understands; check the address and versions.',
};

export class ClientError extends Error {
  readonly code: ClientErrorCode;
  readonly hint: string;
  readonly retryable: boolean;

  constructor(code: ClientErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClientError';
    this.code = code;
    this.hint = hints[code];
    this.retryable = code !== 'CLIENT_ANSWER';
  }
}
