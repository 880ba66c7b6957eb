/**
 * Whether something grows: the line of least squares through samples of the second part of a run. The first third is left out, in which
 * caches fill and code is compiled.
 */
export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

export interface Trend {
  readonly mean: number;
  /** Of the line, in units an hour. */
  readonly perHour: number;
  /** How much the line rises from the first sample looked at to the last. */
  readonly rise: number;
}

const WARM_UP = 1 / 3;
const HOUR_MS = 3_600_000;

/** Undefined for fewer than three samples after the warm-up, or when they are all of one moment. */
export function trendOf(samples: readonly Sample[]): Trend | undefined {
  const rest = samples.slice(Math.floor(samples.length * WARM_UP));
  const [first, last] = [rest[0], rest.at(-1)];
  if (rest.length < 3 || first === undefined || last === undefined || last.atMs <= first.atMs) {
    return undefined;
  }
  const meanMs = average(rest.map(({ atMs }) => atMs));
  const mean = average(rest.map(({ value }) => value));
  const product = sum(rest.map(({ atMs, value }) => (atMs - meanMs) * (value - mean)));
  const square = sum(rest.map(({ atMs }) => (atMs - meanMs) ** 2));
  const perMs = product / square;
  return { mean, perHour: perMs * HOUR_MS, rise: perMs * (last.atMs - first.atMs) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function average(values: readonly number[]): number {
  return sum(values) / values.length;
}
