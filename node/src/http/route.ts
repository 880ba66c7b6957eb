/**
 * A route as data: one row says path, who may call it, what it takes, what it answers, and what it calls.
 *
 * The same rows are mounted into express and written into the OpenAPI document, so they cannot disagree. `path` is in
 * OpenAPI's form (`/v1/orders/{id}`). A route without `role` is open to everybody who reaches the port. `write` routes need
 * an Idempotency-Key and get the fingerprint of the request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ProblemCode, ProblemError, TillRole } from '@branchline/model';
import type { z } from 'zod';
import type { NodeServices, TillIdentity, WriteAnswer, WriteRequest } from '../services.ts';
import type { Upload } from './request-body.ts';

export type Method = 'get' | 'post' | 'put' | 'delete';

/** What an invocation gets: parsed, typed, authenticated. */
export interface Call<Params, Query, Body> {
  readonly services: NodeServices;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly till: TillIdentity;
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal;
  /** `Prefer: wait=SECONDS` (RFC 7240), in milliseconds; 0 when the client does not ask. */
  readonly preferWaitMs: number;
}

interface RouteWords {
  readonly method: Method;
  readonly path: string;
  /** `operationId` of the document; unique. */
  readonly name: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Lowest role that may call it; absent = open. */
  readonly role?: TillRole;
  /** Refusals of its own, besides those every route shares. */
  readonly problems?: readonly ProblemCode[];
  /** For callers of another API: what a refusal looks like to them. Left out: a problem document. */
  readonly refusals?: ForeignRefusals;
  /** The key of a write from the header as it came; throws where there is none and one is needed. Left out: the header itself. */
  readonly keyOf?: (header: string | undefined) => string;
  /** Programs of this machine may call it without a token, where the settings say so. */
  readonly openToMachine?: true;
}

export interface ForeignRefusals {
  /** Answers with the problem in the words of that API. */
  refuse(request: IncomingMessage, response: ServerResponse, problem: ProblemError): void;
  /** What they look like, by status, for the document. */
  readonly answers: Readonly<Record<number, z.ZodType>>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A route that answers with JSON. */
export interface JsonRoute extends RouteWords {
  readonly kind: 'json';
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Answers by status. */
  readonly answers: Readonly<Record<number, z.ZodType>>;
  readonly write: boolean;
  /** Instead of `body`: the bytes of a file, which `invoke` gets as they came. */
  readonly upload?: Upload;
  invoke(call: Call<never, never, never>, write: WriteRequest<never>): Answer | Promise<Answer>;
}

/** A route that writes its answer itself: a stream, a page, a text. Never takes a body. */
export interface RawRoute extends RouteWords {
  readonly kind: 'raw';
  readonly contentType: string;
  serve(
    request: IncomingMessage,
    response: ServerResponse,
    till: TillIdentity | undefined,
  ): void | Promise<void>;
}

export type Route = JsonRoute | RawRoute;

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

interface ReadWords<P, Q, B> extends Omit<RouteWords, 'kind'> {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answers: Readonly<Record<number, z.ZodType>>;
  invoke(call: Call<Parsed<P>, Parsed<Q>, Parsed<B>>): Answer | Promise<Answer>;
}

interface WriteWords<P, B, Q = undefined> extends Omit<RouteWords, 'kind'> {
  readonly params?: P;
  readonly query?: Q;
  readonly body: B;
  readonly answers: Readonly<Record<number, z.ZodType>>;
  invoke(
    call: Call<Parsed<P>, Parsed<Q>, Parsed<B>>,
    write: WriteRequest<Parsed<B>>,
  ): Promise<WriteAnswer<unknown>>;
}

/** A route that changes nothing durable of its own. */
export function readRoute<
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(words: ReadWords<P, Q, B>): JsonRoute {
  return { ...words, kind: 'json', write: false } as unknown as JsonRoute;
}

/** A route whose effect is a commit under an Idempotency-Key. */
export function writeRoute<
  B extends z.ZodType,
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
>(words: WriteWords<P, B, Q>): JsonRoute {
  return { ...words, kind: 'json', write: true } as unknown as JsonRoute;
}

interface UploadWords<Q> extends Omit<RouteWords, 'kind'> {
  readonly query: Q;
  readonly upload: Upload;
  readonly answers: Readonly<Record<number, z.ZodType>>;
  invoke(
    call: Call<undefined, Parsed<Q>, Uint8Array>,
    write: WriteRequest<Uint8Array>,
  ): Promise<WriteAnswer<unknown>>;
}

/** A write whose body is a file. Held in memory whole, so few are served at a time. */
export function uploadRoute<Q extends z.ZodType>(words: UploadWords<Q>): JsonRoute {
  return { ...words, kind: 'json', write: true } as unknown as JsonRoute;
}

/** `/v1/orders/{id}` as express writes it. */
export function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
