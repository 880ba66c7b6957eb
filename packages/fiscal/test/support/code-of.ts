/** The code of what a call throws; empty when it throws nothing. Errors without a code are not swallowed. */
export function codeOf(call: () => unknown): string {
  try {
    call();
    return '';
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string') return code;
    throw error;
  }
}
