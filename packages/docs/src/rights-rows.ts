/**
 * Rights as cells of a loyalty document, and back.
 *
 *     ACCOUNT/<count>/<writer>            cumulative count: earned, returned, spent, reversed, expired, owed
 *     ACCOUNT/moved/<writer>/<to>         cumulative, given to another device
 *     ACCOUNT/taken/<writer>/<former>     cumulative, taken over from a key this device had before
 *     ACCOUNT/wanted/<writer>/<of>        last ask to a device: `id points atMs urgent`
 *     ACCOUNT/answered/<writer>/<asker>   last ask of a device that was answered: `id atMs`
 *     ACCOUNT/seen/<writer>               day of the last movement by a customer here
 *
 * The third segment owns the cell, so a foreign hand in a row is refused where changes enter (`change-check`). An account is a
 * customer, or a gift card or coupon under the hash of its code.
 */
import { type CellValue, type CellWriter, cellKey, type Mutator } from './cell.ts';
import { DocError } from './errors.ts';
import {
  type Answered,
  type Ask,
  type Rights,
  type RightsCount,
  type RightsMove,
  type RightsRow,
  rightsCounts,
} from './rights.ts';

const EMPTY: RightsRow = { counts: {}, moved: {}, taken: {}, wanted: {}, answered: {}, seenDay: 0 };

/** Writes one step under the writer that makes the change. What may be moved was decided before. */
export function moveRights(account: string, step: RightsMove): Mutator {
  if (step.type === 'count' || step.type === 'give' || step.type === 'take') {
    if (!Number.isSafeInteger(step.points) || step.points < 0) {
      throw new DocError('DOC_CELL', `${step.points} is not a number of rights to move`);
    }
  }
  return (cells) => write(account, step, cells);
}

/** The rights after one cell; undefined when the cell is not about rights. */
export function foldRights(
  rights: Rights,
  [column, writer, other]: readonly (string | undefined)[],
  value: CellValue,
): Rights | undefined {
  if (column === undefined || writer === undefined) {
    return undefined;
  }
  const row = rights[writer] ?? EMPTY;
  const changed = foldRow(row, column, other, value);
  return changed === undefined ? undefined : { ...rights, [writer]: changed };
}

function write(account: string, step: RightsMove, cells: CellWriter): void {
  const { writer } = cells;
  const grow = (key: string, points: number): void => cells.set(key, integer(cells.get(key)) + points);
  switch (step.type) {
    case 'count':
      grow(cellKey(account, step.count, writer), step.points);
      break;
    case 'give':
      grow(cellKey(account, 'moved', writer, step.to), step.points);
      break;
    case 'take':
      grow(cellKey(account, 'taken', writer, step.of), step.points);
      break;
    case 'ask': {
      const { id, points, atMs, urgent } = step.ask;
      const text = `${id} ${points} ${atMs} ${urgent ? 1 : 0}`;
      cells.set(cellKey(account, 'wanted', writer, step.of), text);
      break;
    }
    case 'answer':
      cells.set(cellKey(account, 'answered', writer, step.asker), `${step.id} ${step.atMs}`);
      break;
    case 'see':
      if (integer(cells.get(cellKey(account, 'seen', writer))) < step.day) {
        cells.set(cellKey(account, 'seen', writer), step.day);
      }
      break;
    default:
      step satisfies never;
  }
}

function foldRow(
  row: RightsRow,
  column: string,
  other: string | undefined,
  value: CellValue,
): RightsRow | undefined {
  if (Object.hasOwn(rightsCounts, column)) {
    return { ...row, counts: { ...row.counts, [column as RightsCount]: integer(value) } };
  }
  if (column === 'seen') {
    return { ...row, seenDay: integer(value) };
  }
  if (other === undefined) {
    return undefined;
  }
  switch (column) {
    case 'moved':
    case 'taken':
      return { ...row, [column]: { ...row[column], [other]: integer(value) } };
    case 'wanted':
      return { ...row, wanted: { ...row.wanted, [other]: askIn(value) } };
    case 'answered':
      return { ...row, answered: { ...row.answered, [other]: answeredIn(value) } };
    default:
      return undefined;
  }
}

/** A text no device of ours writes reads as an ask for nothing, long ago. */
function askIn(value: CellValue): Ask {
  const [id = 0, points = 0, atMs = 0, urgent = 0] = numbersIn(value);
  return { id, points, atMs, urgent: urgent === 1 };
}

function answeredIn(value: CellValue): Answered {
  const [id = 0, atMs = 0] = numbersIn(value);
  return { id, atMs };
}

function numbersIn(value: CellValue): number[] {
  const numbers = typeof value === 'string' ? value.split(' ').map(Number) : [];
  return numbers.every((number) => Number.isSafeInteger(number) && number >= 0) ? numbers : [];
}

function integer(value: CellValue | undefined): number {
  return typeof value === 'number' ? value : 0;
}
