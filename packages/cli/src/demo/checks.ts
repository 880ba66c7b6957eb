/**
 * What a scenario claims and whether it held: a list of named checks with the figures behind each.
 *
 * A check is a plain comparison of what programs answered; it never throws, so that one broken promise does not hide the next.
 */
import { CliError } from '../errors.ts';

export interface Check {
  readonly name: string;
  readonly held: boolean;
  /** Figures, or the first difference found. */
  readonly detail: string;
}

export class Checks {
  readonly #list: Check[] = [];
  readonly #told: (check: Check) => void;

  constructor(told: (check: Check) => void = () => undefined) {
    this.#told = told;
  }

  get list(): readonly Check[] {
    return this.#list;
  }

  get failed(): readonly Check[] {
    return this.#list.filter((check) => !check.held);
  }

  /** `DEMO_SCENARIO_FAILED` unless every check held. */
  conclude(): void {
    const { length } = this.failed;
    if (length > 0) {
      const first = this.failed[0]!.name;
      throw new CliError(
        'DEMO_SCENARIO_FAILED',
        `${length} of ${this.#list.length} checks did not hold: ${first}`,
        {
          hint: 'The line with ✗ above says what was compared. The data is kept for a look.',
        },
      );
    }
  }

  expect(name: string, held: boolean, detail: string): void {
    const check = { name, held, detail };
    this.#list.push(check);
    this.#told(check);
  }

  add(checks: Checks): void {
    for (const { name, held, detail } of checks.list) {
      this.expect(name, held, detail);
    }
  }

  /** Both maps say the same; the first key that differs is named. */
  expectEqual<Value>(
    name: string,
    left: ReadonlyMap<string, Value>,
    right: ReadonlyMap<string, Value>,
  ): void {
    const keys = new Set([...left.keys(), ...right.keys()]);
    for (const key of keys) {
      const [a, b] = [JSON.stringify(left.get(key)), JSON.stringify(right.get(key))];
      if (a !== b) {
        this.expect(name, false, `${key}: ${a} and ${b}`);
        return;
      }
    }
    this.expect(name, keys.size > 0, `${keys.size} compared`);
  }
}
