/** JSON bodies, parsed at the edge: strict schemas, and a refusal that names the field. */
import type { Request } from 'express';
import type { z } from 'zod';
import { RelayError } from '../errors.ts';

/** Longest request body: a thousand branches in one call fit. */
export const BODY_BYTES_MAX = 262_144;

export function parseBody<Schema extends z.ZodType>(schema: Schema, request: Request): z.output<Schema> {
  return parseRequest(schema, request.body ?? {});
}

/** The same refusal for what does not come over HTTP. */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) {
    return parsed.data;
  }
  const words = parsed.error.issues.map((issue) => {
    const place = issue.path.join('.');
    return place === '' ? issue.message : `${place}: ${issue.message}`;
  });
  throw new RelayError('REQUEST_INVALID', words.join('; '));
}
