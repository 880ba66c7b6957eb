/**
 * Keys of the rows in LevelDB, all in one place. They sort bytewise in the order they are read.
 *
 *     a/position                     journal position everything below covers
 *     a/series                       last order number count of this device
 *     r/<key>                        stored answer of an Idempotency-Key
 *     o/<order id>                   order as JSON
 *     t/<stamp>/<order id>           all orders by time          -> order id
 *     u/<branch>/<stamp>/<order id>  a branch's orders by time   -> order id
 *     k/<till>                       till token (hash)
 *     p/<sku>                        product as JSON
 *     cf/<sku>/<field>               values in conflict, as JSON
 *     s/<branch>/<sku>               stock of a product as JSON
 *     c/<region>/<customer id>       customer as JSON
 *     fr/<receipt id>                fiscal receipt: branch and what it is for, as JSON
 *     fl/<receipt id>                last record of its job
 *     fi/<receipt id>                last intent of its job
 *     fo/<receipt id>                number and sign the storage gave it
 *     fq/<writer>/<receipt id>       a receipt its device still has to register or print
 *     fd/<fn>/<fd>                   document of a storage            -> receipt id
 *     ft/<fn>/<fd>                   the operator has the document
 *     fh/<writer>                    the shift a device has open
 *     fs/<writer>                    the storage a device registers with
 *     dn/<doc>                       a document that has changes here
 *     dm/<doc>!<position>.<n>        change applied to the document and its rows
 *     dp/<doc>!<position>.<n>        change stored, not applied yet
 *     ds/<doc>                       snapshot; stands in for the changes that were under dm/ when it was taken
 *     dq/<doc>!<position>.<n>        change that can never be applied, and why
 *     dc/<doc>!<checkpoint>          snapshot of another authority, joined with the document; goes into the next ds/
 *     da/<collection>!<checkpoint>   a checkpoint whose documents and rows are all here
 */

/** The first key that no longer begins with `prefix`. */
export function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

/** A number in keys: 13 digits, so that text sorts as numbers do. */
export function ordinal(value: number): string {
  return String(value).padStart(13, '0');
}

export const rowKeys = {
  series: 'a/series',
  answer: (key: string) => `r/${key}`,
  order: (id: string) => `o/${id}`,
  orderByTime: (stamp: string, id: string) => `t/${stamp}/${id}`,
  branchOrder: (branch: string, stamp: string, id: string) => `u/${branch}/${stamp}/${id}`,
  till: (name: string) => `k/${name}`,
  product: (sku: string) => `p/${sku}`,
  conflict: (cell: string) => `cf/${cell}`,
  stock: (branch: string, rest: string) => `s/${branch}/${rest}`,
  customer: (region: string, id: string) => `c/${region}/${id}`,
  receipt: (id: string) => `fr/${id}`,
  receiptLast: (id: string) => `fl/${id}`,
  receiptIntent: (id: string) => `fi/${id}`,
  receiptOutcome: (id: string) => `fo/${id}`,
  receiptQueue: (writer: string, id: string) => `fq/${writer}/${id}`,
  receiptDocument: (fn: string, fd: string) => `fd/${fn}/${fd}`,
  receiptTicket: (fn: string, fd: string) => `ft/${fn}/${fd}`,
  receiptShift: (writer: string) => `fh/${writer}`,
  receiptStorage: (writer: string) => `fs/${writer}`,
  change: (area: 'dm' | 'dp' | 'dq' | 'dc', doc: string, at: string) => `${area}/${doc}!${at}`,
  changes: (area: 'dm' | 'dp' | 'dq' | 'dc', doc: string) => `${area}/${doc}!`,
  taken: (collection: string, checkpoint: string) => `da/${collection}!${checkpoint}`,
  document: (doc: string) => `dn/${doc}`,
  snapshot: (doc: string) => `ds/${doc}`,
} as const;
