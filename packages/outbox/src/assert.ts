/** What must be true, in production as well: a broken promise of our own stops the outbox, not the check. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
