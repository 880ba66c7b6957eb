/** Live documents for automerge-repo clients: which there are, and the ticket a WebSocket is opened with. */
import { z } from 'zod';
import { customerId, sku } from '../ids.ts';

/** Both left out: every document. */
export const liveDocumentQuery = z.strictObject({
  /** The documents this product is in: its shard of the catalog, and stock. */
  sku: sku.optional(),
  /** The document this customer is in. */
  customer: customerId.optional(),
});
export type LiveDocumentQuery = z.infer<typeof liveDocumentQuery>;

export const liveDocument = z.strictObject({
  name: z.string(),
  /** AutomergeUrl. Holds until the document begins anew; list again at every start. */
  url: z.string(),
  kind: z.enum(['catalog', 'stock', 'loyalty']),
  /** Name of the map of rows in the document. */
  rows: z.enum(['products', 'stock', 'customers']),
  access: z.enum(['read', 'write']),
});
export type LiveDocument = z.infer<typeof liveDocument>;

export const liveDocumentList = z.strictObject({ documents: z.array(liveDocument) });
export type LiveDocumentList = z.infer<typeof liveDocumentList>;

export const liveTicket = z.strictObject({
  ticket: z.string(),
  /** Where the WebSocket is opened, on the host of this answer. */
  path: z.string(),
  /** The ticket must have been used by then; afterwards it is good for reconnects of the same peer. */
  useWithinMs: z.int().min(0),
});
export type LiveTicket = z.infer<typeof liveTicket>;
