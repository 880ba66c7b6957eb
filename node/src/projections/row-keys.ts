/**
 * Keys of the rows in LevelDB, all in one place. They sort bytewise in the order they are read.
 *
 *     a/layout                       `ROWS_LAYOUT` of the release that made everything below
 *     a/position                     journal position everything below covers
 *     a/series                       last order number count of this device
 *     r/<key>                        stored answer of an Idempotency-Key
 *     o/<order id>                   order as JSON
 *     t/<stamp>/<order id>           all orders by time          -> the device that sold
 *     u/<branch>/<stamp>/<order id>  a branch's orders by time   -> order id
 *     on/<order number>              order id
 *     a/refunds                      last refund number count of this device
 *     b/<refund id>                  refund as JSON, its turn and its device
 *     bo/<order id>/<refund id>      refunds of an order
 *     bg/<order id>/<turn>/<writer>  the right to return an order, handed on by that device
 *     bq/<order id>/<writer>         a device asks for it
 *     n/<branch>/<id>                a reservation that stands
 *     x/<id>                         every transfer known here
 *     xs/<id>                        what was sent, by whom
 *     xr/<id>/<stamp>/<writer>       what was received, by whom
 *     xu/<id>/<writer>               a reception that device has undone
 *     y/<branch>/<sku>/<writer>      when to order again, as that device said last
 *     z/<branch>/<id>                goods oversold
 *     zr/<branch>/<id>               how that was resolved
 *     k/<till>                       till token (hash)
 *     p/<sku>                        product as JSON
 *     pv/<branch>/<sku>              a branch's own price and availability, as JSON
 *     cf/<sku>/<field>               values in conflict, as JSON
 *     s/<branch>/<sku>               stock of a product as JSON
 *     c/<region>/<account>           customer, gift card or coupon as JSON
 *     er/<customer>/<feed>/<seq>     an erasure of a customer's personal data, as JSON
 *     ed/<feed>/<seq>/<writer>       a device has destroyed the keys of an erasure
 *     pp/<id>                        promotion as JSON
 *     pl/<id>                        pricelist as JSON
 *     lr/<region>/<device>/<writer>  rights of a lost device are taken back
 *     lp/<day>                       rules of the loyalty programme from that day
 *     em/<id>                        employee, with the hash of the PIN, as JSON
 *     mt/<writer>                    maintenance of a device, as JSON
 *     fp/<writer>                    how far the replacement of a device's storage is, as JSON
 *     fr/<receipt id>                fiscal receipt: branch and what it is for, as JSON
 *     fl/<receipt id>                last record of its job
 *     fi/<receipt id>                last intent of its job
 *     fo/<receipt id>                number and sign the storage gave it
 *     fq/<writer>/<receipt id>       a receipt its device still has to register or print
 *     fd/<fn>/<fd>                   document of a storage            -> receipt id
 *     ft/<fn>/<fd>                   the operator has the document
 *     fh/<writer>                    the shift a device has open
 *     fs/<writer>                    the storage a device registers with
 *     fu/<writer>/<receipt id>        a receipt in review or failed: somebody has to decide
 *     fe/<receipt id>                what a person decided about it last
 *     fk/<receipt id>                number of the shift a job opens or closes
 *     fx/<fn>/<fd>                   tags of a document, as its storage holds them
 *     ho/<writer>                    the shift of a device's log
 *     hu/<writer>/<shift id>         a closed shift that is not reported yet
 *     hm/<writer>/<stamp>            cash moved
 *     hq/<writer>/<move id>          cash moved that the register was not told of
 *     hr/<move id>                   what became of it at the register
 *     hl/<writer>                    the last shift a device reported
 *     hz/<shift id>                  report of a shift
 *     hb/<branch>/<stamp>/<shift id> a branch's shifts by time
 *     ot/<stamp of the sale>/<order id>  orders another program sold, by when
 *     ma/id, ma/n/<prefix>           last number of records, last count of a pushed series
 *     mk/<key id>                    a branch's key for pos_offline_sync (hash)
 *     mi/<model>/<key>, mj/<model>/<number>  the number a record goes under, and back
 *     mo/<branch>/<local id>/<evidence>  an order as its branch knows it
 *     mq/<branch>/<reference>        the order a branch calls so
 *     mr/<branch>/<model>/<local id> last record pushed under a local id
 *     ms/<model>/<key>               last record of something
 *     mp/<branch>/<sku>              what a branch calls a product
 *     mu/<branch>/<key>              a record a person has to look at
 *     mc/<line>                      a credit line
 *     mf/<model>/<id>                what head office says for branches with another program
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
  orderNumber: (number: string) => `on/${number}`,
  refundSeries: 'a/refunds',
  refund: (id: string) => `b/${id}`,
  refundOf: (order: string, id: string) => `bo/${order}/${id}`,
  returnGrant: (order: string, rest: string) => `bg/${order}/${rest}`,
  returnRequest: (order: string, writer: string) => `bq/${order}/${writer}`,
  reservation: (branch: string, id: string) => `n/${branch}/${id}`,
  transfer: (id: string) => `x/${id}`,
  transferSent: (id: string) => `xs/${id}`,
  transferReceived: (id: string, rest: string) => `xr/${id}/${rest}`,
  transferUndone: (id: string, writer: string) => `xu/${id}/${writer}`,
  reorderPoint: (branch: string, rest: string) => `y/${branch}/${rest}`,
  oversell: (branch: string, id: string) => `z/${branch}/${id}`,
  oversellResolved: (branch: string, id: string) => `zr/${branch}/${id}`,
  till: (name: string) => `k/${name}`,
  product: (sku: string) => `p/${sku}`,
  override: (of: string) => `pv/${of}`,
  conflict: (cell: string) => `cf/${cell}`,
  stock: (branch: string, rest: string) => `s/${branch}/${rest}`,
  customer: (region: string, id: string) => `c/${region}/${id}`,
  erasure: (customer: string, erasure: string) => `er/${customer}/${erasure}`,
  erasureDone: (erasure: string, writer: string) => `ed/${erasure}/${writer}`,
  reclaim: (rest: string) => `lr/${rest}`,
  promotion: (id: string) => `pp/${id}`,
  pricelist: (id: string) => `pl/${id}`,
  programme: (day: string) => `lp/${day}`,
  employee: (id: string) => `em/${id}`,
  maintenance: (writer: string) => `mt/${writer}`,
  replacement: (writer: string) => `fp/${writer}`,
  receipt: (id: string) => `fr/${id}`,
  receiptLast: (id: string) => `fl/${id}`,
  receiptIntent: (id: string) => `fi/${id}`,
  receiptOutcome: (id: string) => `fo/${id}`,
  receiptQueue: (writer: string, id: string) => `fq/${writer}/${id}`,
  receiptDocument: (fn: string, fd: string) => `fd/${fn}/${fd}`,
  receiptTicket: (fn: string, fd: string) => `ft/${fn}/${fd}`,
  receiptShift: (writer: string) => `fh/${writer}`,
  receiptStorage: (writer: string) => `fs/${writer}`,
  receiptUnsettled: (writer: string, id: string) => `fu/${writer}/${id}`,
  receiptDecision: (id: string) => `fe/${id}`,
  receiptShiftNumber: (id: string) => `fk/${id}`,
  receiptTags: (fn: string, fd: string) => `fx/${fn}/${fd}`,
  shiftOpen: (writer: string) => `ho/${writer}`,
  shiftUnreported: (writer: string, id: string) => `hu/${writer}/${id}`,
  cashMove: (writer: string, stamp: string) => `hm/${writer}/${stamp}`,
  cashUntold: (writer: string, id: string) => `hq/${writer}/${id}`,
  cashAtRegister: (id: string) => `hr/${id}`,
  shiftLast: (writer: string) => `hl/${writer}`,
  shiftReport: (id: string) => `hz/${id}`,
  branchShift: (branch: string, stamp: string, id: string) => `hb/${branch}/${stamp}/${id}`,
  change: (area: 'dm' | 'dp' | 'dq' | 'dc', doc: string, at: string) => `${area}/${doc}!${at}`,
  changes: (area: 'dm' | 'dp' | 'dq' | 'dc', doc: string) => `${area}/${doc}!`,
  taken: (collection: string, checkpoint: string) => `da/${collection}!${checkpoint}`,
  pushedByTime: (stamp: string, id: string) => `ot/${stamp}/${id}`,
  posLastId: 'ma/id',
  posCount: (prefix: string) => `ma/n/${prefix}`,
  posKey: (id: string) => `mk/${id}`,
  posId: (model: string, key: string) => `mi/${model}/${key}`,
  posOfId: (model: string, id: number) => `mj/${model}/${id}`,
  posOrder: (branch: string, localId: number, evidence: string) => `mo/${branch}/${localId}/${evidence}`,
  posReferenceOf: (branch: string, reference: string) => `mq/${branch}/${reference}`,
  posRecord: (branch: string, model: string, localId: number) => `mr/${branch}/${model}/${localId}`,
  posRecordOf: (model: string, key: string) => `ms/${model}/${key}`,
  posProduct: (branch: string, sku: string) => `mp/${branch}/${sku}`,
  posUnsettled: (branch: string, key: string) => `mu/${branch}/${key}`,
  posCredit: (line: string) => `mc/${line}`,
  posReference: (name: string) => `mf/${name}`,
  document: (doc: string) => `dn/${doc}`,
  snapshot: (doc: string) => `ds/${doc}`,
} as const;
