/**
 * S-30: the event stream. Events are few, named in the past tense, and everything they say can also be read.
 *
 * On the wire each is one server-sent event: `id` (grows; resumes a stream through Last-Event-ID), `event` (the type),
 * `data` (one line of JSON). Two come from the stream itself: `stream.missed` when the id asked for is older than what
 * the node still holds (read again what you show), and `stream.closed`, the last word before the node hangs up.
 */
import { z } from 'zod';

export const nodeEventTypes = [
  'order.accepted',
  'order.refunded',
  'receipt.changed',
  'shift.changed',
  'stock.changed',
  'stock.oversold',
  'oversell.resolved',
  'reservation.made',
  'reservation.ended',
  'transfer.sent',
  'transfer.received',
  'product.changed',
  'pricing.changed',
  'conflict.changed',
  'customer.changed',
  'rights.moved',
  'sync.changed',
  'alarm.raised',
  'alarm.cleared',
  'node.state',
] as const;
export const streamEventTypes = ['stream.missed', 'stream.closed'] as const;

export const nodeEvent = z.strictObject({
  /** Absent on events of the stream itself: they take no place in it. */
  id: z.string().optional(),
  type: z.enum([...nodeEventTypes, ...streamEventTypes]),
  data: z.json(),
});
export type NodeEvent = z.infer<typeof nodeEvent>;
export type NodeEventType = NodeEvent['type'];

/** `data` of `stream.closed`. */
export const streamClosed = z.strictObject({
  code: z.enum(['SLOW_CONSUMER', 'NODE_STOPPING', 'TILL_REVOKED']),
  words: z.string(),
});
export type StreamClosed = z.infer<typeof streamClosed>;
