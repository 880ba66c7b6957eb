/**
 * Whether an edit of a client is taken over: its shape, what somebody else changed meanwhile, and what the program says.
 *
 * Guarantees: a field somebody else changed since the client saw it is not overwritten (`EDIT_STALE`); what stands already is no edit;
 * a refused value is remembered, so that who goes on writing before he sees it go back does not count as overwriting anybody.
 */
import type { EditCode } from './errors.ts';
import type { RowEdit } from './face.ts';
import type { LiveSource, LiveUser } from './live-source.ts';

/** Refused values remembered of one document. */
export const REFUSED_HELD_MAX = 1_000;

/** Why an edit was not taken over. */
export interface EditFault {
  readonly code: EditCode;
  /** The program's own code. */
  readonly cause?: string | undefined;
  readonly detail: string;
  readonly row?: string;
}

/** Values that were refused last, and what stood then. */
export class RefusedValues {
  readonly #last = new Map<string, { value: unknown; stood: unknown }>();

  note(row: string, field: string, value: unknown, stood: unknown): void {
    if (this.#last.size >= REFUSED_HELD_MAX) {
      this.#last.clear();
    }
    this.#last.set(`${row}\0${field}`, { value, stood });
  }

  isOwn(row: string, field: string, seen: unknown, now: unknown): boolean {
    const last = this.#last.get(`${row}\0${field}`);
    return last !== undefined && last.value === seen && last.stood === now;
  }
}

export interface EditQuestion<User extends LiveUser> {
  readonly source: LiveSource<User>;
  readonly document: string;
  readonly refused: RefusedValues;
  readonly user: User;
  readonly edit: RowEdit;
  /** Called when the program is asked. */
  readonly onAsked: () => void;
}

/** Undefined when it is durable, or changed nothing. */
export async function decideEdit<User extends LiveUser>(
  question: EditQuestion<User>,
): Promise<EditFault | undefined> {
  const { source, document, refused, user, onAsked } = question;
  const { row, change, isNew, fields, misshapen } = question.edit;
  if (misshapen !== undefined) {
    return { code: 'EDIT_SHAPE', detail: `${row}: ${misshapen}.`, row };
  }
  if (fields.length === 0) {
    return undefined;
  }
  const now = (await source.read(document, [row])).get(row);
  const isDifference = (field: string): boolean => source.isDifference(document, field);
  const wanted = fields.filter(({ field, value }) => isDifference(field) || now?.[field] !== value);
  if (wanted.length === 0) {
    return undefined;
  }
  const stale = wanted.find(
    ({ field, seen }) =>
      !isDifference(field) && now?.[field] !== seen && !refused.isOwn(row, field, seen, now?.[field]),
  );
  if (stale !== undefined) {
    return {
      code: 'EDIT_STALE',
      detail: `${row}.${stale.field} was changed by somebody else meanwhile.`,
      row,
    };
  }
  onAsked();
  const id = `${change}/${row}`;
  const refusal = await source.edit({
    document,
    user,
    id,
    row,
    isNew: isNew && now === undefined,
    fields,
  });
  if (refusal === undefined) {
    return undefined;
  }
  for (const { field, value } of wanted) {
    refused.note(row, field, value, now?.[field]);
  }
  return { ...refusal, row };
}
