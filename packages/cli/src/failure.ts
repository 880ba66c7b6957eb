/**
 * An error as the one line an operator reads: `error CODE: what happened. What to do.`
 *
 * Errors with a `code` are expected and print as that line. Anything else is a fault of ours: it prints as
 * `UNEXPECTED_FAULT` with its stack, because somebody will have to report it.
 */

const CODE = /^[A-Z][A-Z0-9_]*$/;

interface Coded {
  readonly code: string;
  readonly message: string;
  readonly hint?: unknown;
}

export function failureLine(error: unknown): string {
  if (!isCoded(error)) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `error UNEXPECTED_FAULT: ${words}\n`;
  }
  const hint = typeof error.hint === 'string' ? ` ${sentence(error.hint)}` : '';
  return `error ${error.code}: ${sentence(error.message)}${hint}\n`;
}

function isCoded(error: unknown): error is Coded {
  if (!(error instanceof Error)) {
    return false;
  }
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && CODE.test(code);
}

function sentence(text: string): string {
  const oneLine = text.trim().replace(/\s*\n\s*/g, ' ');
  return /[.!?]$/.test(oneLine) ? oneLine : `${oneLine}.`;
}
