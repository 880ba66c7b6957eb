/** What a check says when something does not hold; it begins with the number of the invariant (README.md). */
export class Finding extends Error {}

export function must(condition: boolean, words: string): asserts condition {
  if (!condition) {
    throw new Finding(words);
  }
}

export function same(left: unknown, right: unknown, words: string): void {
  const [a, b] = [JSON.stringify(left), JSON.stringify(right)];
  must(a === b, `${words}: ${a} and ${b}`);
}
