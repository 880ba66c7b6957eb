/**
 * Bodies of feed entries, by kind: what a node writes into its feeds and every other node reads.
 *
 * Feeds are immutable, so these schemas only grow: a new field is optional, a field never changes its meaning, a kind
 * is never reused. They are loose where the API is strict: a node of an older version must be able to read what a newer
 * one wrote. Personal data does not belong here (it could never be removed), except the contact a receipt must keep.
 *
 * The stamp and the writer of an entry are in its envelope and are not repeated in its body. Automerge changes (kind
 * `change`) are bytes and are described by the documents.
 */
import { z } from 'zod';
import { rightsMoves } from './api/loyalty.ts';
import {
  loyaltyResult,
  markingCode,
  orderCustomer,
  orderLine,
  payment,
  usedCoupon,
  vatShare,
} from './api/orders.ts';
import { pricelistPut, pricingId, promotionPut } from './api/pricing.ts';
import { productFields } from './api/products.ts';
import { shiftView } from './api/shifts.ts';
import { lotText, serials } from './api/stock.ts';
import { goodsEventBodies } from './goods-events.ts';
import {
  branchCode,
  customerId,
  employeeId,
  orderId,
  orderNumber,
  receiptId,
  shiftId,
  sku,
  stockDocumentId,
  tillName,
} from './ids.ts';
import { amountMinor } from './money.ts';
import { posSyncEventBodies, pushedBy, soldAt } from './pos-sync-events.ts';
import { countedQuantityMilli, positiveQuantityMilli, signedQuantityMilli } from './quantity.ts';
import { freeText } from './text.ts';
import { vatKind } from './vat.ts';

export const tillRole = z.enum(['cashier', 'manager', 'accountant', 'admin']);
export type TillRole = z.infer<typeof tillRole>;

const cashier = freeText(128).optional();
/** Who had signed in at the till, where somebody had. */
const employee = employeeId.optional();
const reference = freeText(64).optional();

/** A line as a fiscal document carries it; `line` is its place in the order that is given back, counted from 0. */
const fiscalLine = z.looseObject({
  /** A correction names goods that may never have had one. */
  sku: sku.optional(),
  name: freeText(),
  quantityMilli: positiveQuantityMilli,
  totalMinor: amountMinor,
  vat: vatKind,
  markingCode: markingCode.optional(),
  line: z.int().min(0).optional(),
});

const fiscalStorage = z.string().regex(/^\d{16}$/, 'must be 16 digits');

/** Of every record of something delivered: which job, and when. */
const recorded = { id: z.string().min(1), atMs: z.int() };

/** Bodies by entry kind. */
export const eventBodies = {
  order: z.looseObject({
    id: orderId,
    number: orderNumber,
    till: tillName,
    cashier,
    employee,
    totalMinor: amountMinor,
    changeMinor: amountMinor,
    lines: z.array(orderLine.loose()),
    payments: z.array(payment.loose()),
    vat: z.array(vatShare.loose()).optional(),
    customer: orderCustomer.loose().optional(),
    coupons: z.array(usedCoupon.loose()).optional(),
    receipt: z.looseObject({ id: receiptId }),
    loyalty: loyaltyResult.loose(),
    /** The reservation this sale ends. */
    reservation: stockDocumentId.optional(),
    /** Sold by a branch with another program: when, and how it is known there. */
    soldAt: soldAt.optional(),
    pushed: pushedBy.optional(),
  }),
  ...goodsEventBodies,
  ...posSyncEventBodies,
  'stock-receipt': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reference,
    lines: z.array(
      z.looseObject({
        sku,
        quantityMilli: positiveQuantityMilli,
        lot: lotText.optional(),
        serials: serials.optional(),
      }),
    ),
  }),
  'stock-count': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reference,
    /** `deltaMilli` is what entered the stock: counted − seen. */
    lines: z.array(
      z.looseObject({
        sku,
        countedMilli: countedQuantityMilli,
        seenMilli: signedQuantityMilli,
        deltaMilli: signedQuantityMilli,
      }),
    ),
  }),
  /** Who changed which fields of a product; the values are in the document's change beside it. */
  'product-change': z.looseObject({
    sku,
    till: tillName,
    employee,
    fields: z.array(productFields.keyof()),
  }),
  /** A branch's own price or availability, in `prices/<branch>`; null takes it back. */
  'product-override': z.looseObject({
    sku,
    till: tillName,
    employee,
    priceMinor: amountMinor.nullable().optional(),
    available: z.boolean().nullable().optional(),
    fromMs: z.int().optional(),
    untilMs: z.int().optional(),
    atMs: z.int().min(0),
  }),
  /** Somebody decided between concurrent values of a product's field, or for another; the change is beside it. */
  'conflict-resolved': z.looseObject({
    id: z.string(),
    sku,
    field: freeText(32),
    till: tillName,
    employee,
    value: z.json(),
    over: z.array(z.looseObject({ value: z.json(), writer: z.string().nullable() })),
  }),
  /** A file of products was taken in, in the same commit as its changes: who, which file, how many. */
  'catalog-import': z.looseObject({
    till: tillName,
    /** SHA-256 of the file, hexadecimal. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: z.int().min(0),
    file: freeText(256).optional(),
    profile: freeText(64),
    rows: z.int().min(0),
    created: z.int().min(0),
    changed: z.int().min(0),
    accepted: z.array(freeText(32)).optional(),
  }),
  /** Who touched a profile; never what it says. */
  'customer-change': z.looseObject({ id: customerId, till: tillName, fields: z.array(freeText(32)) }),
  /** Keys of personal data (`keys/<region>`), new ones and those said again before what held them is shredded. */
  'customer-keys': z.looseObject({
    keys: z.array(z.tuple([customerId, z.string().min(1).max(32), z.instanceof(Uint8Array)])),
  }),
  /** Personal data is erased (`erasures`): whose, why, and up to where feeds of keys are shredded by every machine. */
  erasure: z.looseObject({
    customers: z.array(customerId),
    reason: freeText(),
    till: tillName,
    branch: z.string(),
    atMs: z.int(),
    cuts: z.array(z.looseObject({ feed: z.string(), seq: z.int(), hash: z.instanceof(Uint8Array) })),
    after: z.array(z.looseObject({ feed: z.string(), seq: z.int() })),
  }),
  /** A device has done it (a letter to where the erasure was ordered). */
  'erasure-done': z.looseObject({ feed: z.string(), seq: z.int(), atMs: z.int() }),
  /** What counts under this id from now on (`pricing`). */
  promotion: z.looseObject({ id: pricingId, till: tillName, put: z.looseObject(promotionPut.shape) }),
  pricelist: z.looseObject({ id: pricingId, till: tillName, put: z.looseObject(pricelistPut.shape) }),
  /** Two ids are one person; the change of the document is beside it. */
  'customer-merge': z.looseObject({ from: customerId, into: customerId, reason: freeText(), till: tillName }),
  /** Rights to points, gift cards and coupons that were issued or moved outside of a sale (loyalty feeds). */
  rights: rightsMoves,
  /** Rights of a revoked device that is lost for ever go to head office (the loyalty feed of its region): whose, why, by whom. */
  'rights-reclaim': z.looseObject({
    device: z.string().regex(/^[a-z2-7]{16}$/),
    reason: freeText(),
    till: tillName,
    atMs: z.int(),
  }),
  /** Who set which day's rules; the rules are in the document's change beside it. */
  'programme-change': z.looseObject({ till: tillName, from: z.string() }),
  /** A fiscal document is wanted of the register at this node; in the same commit as what it is for. */
  receipt: z.looseObject({
    id: receiptId,
    /** What it is for: an order of the same commit, or the opening or closing of a shift. */
    what: z.discriminatedUnion('kind', [
      z.looseObject({
        kind: z.literal('sale'),
        order: orderId,
        number: orderNumber,
        totalMinor: amountMinor,
        /** Where the electronic receipt goes: it is on the fiscal document, and kept as long as that. */
        contact: freeText(128).optional(),
      }),
      /**
       * Money and goods go back; complete in itself, so that the desk needs nothing but this entry. `order` and `number` name
       * the refund, `original` the order that is given back (`at` as its answer said: its day decides the VAT). Amounts are positive,
       * `payments` add up to `totalMinor`.
       */
      z.looseObject({
        kind: z.literal('refund'),
        order: orderId,
        number: orderNumber,
        totalMinor: amountMinor,
        original: z.looseObject({ order: orderId, number: orderNumber, at: z.string() }),
        lines: z.array(fiscalLine).min(1),
        payments: z.array(payment.loose()),
        till: tillName,
        cashier,
        contact: freeText(128).optional(),
      }),
      /** What was settled without a receipt, or with a wrong one, is put right. */
      z.looseObject({
        kind: z.literal('correction'),
        settlement: z.enum(['sale', 'sale-return', 'purchase', 'purchase-return']),
        by: z.enum(['own', 'order']),
        day: z.string(),
        documentNumber: z.string().optional(),
        reason: freeText().optional(),
        wrongSign: z.string().optional(),
        totalMinor: amountMinor,
        lines: z.array(fiscalLine),
        payments: z.array(payment.loose()),
        till: tillName,
        cashier,
      }),
      /** `shift` is the number expected; left out where a till asked, it is found out at the register. */
      z.looseObject({
        kind: z.enum(['shift-open', 'shift-close']),
        shift: z.int().min(0).optional(),
        till: tillName.optional(),
        cashier,
      }),
    ]),
  }),
  /** What became of it so far; the words of a record are those of the job machine of `fiscal`. */
  'receipt-record': z.looseObject({
    id: receiptId,
    /** Repeated here for documents of a shift. */
    shift: z.looseObject({ kind: z.enum(['shift-open', 'shift-close']), number: z.int().min(0) }).optional(),
    record: z.discriminatedUnion('type', [
      z.looseObject({
        type: z.literal('intent'),
        intent: z.looseObject({ attempt: z.int(), fn: fiscalStorage, lastFd: z.int().min(0) }),
      }),
      z.looseObject({ type: z.literal('cleared'), attempt: z.int() }),
      z.looseObject({
        type: z.literal('fiscal'),
        outcome: z.looseObject({
          fn: fiscalStorage,
          fd: z.int().min(1),
          fp: z.int().min(0),
          atSeconds: z.int().optional(),
          evidence: z.enum(['answer', 'document', 'operator']),
        }),
      }),
      z.looseObject({ type: z.literal('printed') }),
      z.looseObject({ type: z.literal('failed'), attempts: z.int(), reason: z.string() }),
      z.looseObject({ type: z.literal('review'), reason: z.string() }),
    ]),
  }),
  /** The tags of a registered document as the storage holds them, kept for those who ask years later. */
  'receipt-document': z.looseObject({
    id: receiptId,
    fn: fiscalStorage,
    fd: z.int().min(1),
    tags: z.instanceof(Uint8Array),
  }),
  /** A person has settled what no program could: who, what, and what was seen. The records that follow from it come after. */
  'receipt-decision': z.looseObject({
    id: receiptId,
    decision: z.enum(['printed', 'print-again', 'none']),
    fd: z.int().min(1).optional(),
    fp: z.string().optional(),
    reason: freeText(),
    till: tillName,
    employee,
  }),
  /**
   * The shift of a device: opened, cash moved, closed, reported. Without `opened`, the first sale opens it under the sale's id.
   * `register-cash` says what became of a cash move at the register; it is begun before the register is told.
   */
  shift: z.discriminatedUnion('event', [
    z.looseObject({ event: z.literal('opened'), id: shiftId, till: tillName, cashier, employee }),
    z.looseObject({
      event: z.literal('cash'),
      /** Of the move. */
      id: z.string(),
      direction: z.enum(['in', 'out']),
      amountMinor,
      till: tillName,
      cashier,
      employee,
      reason: freeText().optional(),
      /** A register is connected and is to be told. */
      toRegister: z.boolean().optional(),
    }),
    z.looseObject({
      event: z.literal('register-cash'),
      id: z.string(),
      state: z.enum(['begun', 'done', 'refused', 'unknown']),
      beforeMinor: z.int().optional(),
      reason: z.string().optional(),
    }),
    z.looseObject({
      event: z.literal('closed'),
      id: shiftId,
      till: tillName,
      cashier,
      employee,
      automatic: z.boolean(),
      countedCashMinor: amountMinor.optional(),
      /** The report wanted of the register for it. */
      receipt: receiptId.optional(),
    }),
    /** What it added up to, once the register is done with it, or there is none. */
    z.looseObject({ event: z.literal('reported'), id: shiftId, report: shiftView.loose() }),
  ]),
  /** The operator of fiscal data has acknowledged a document, and the storage has taken its answer. */
  'receipt-ticket': z.looseObject({
    fn: fiscalStorage,
    fd: z.int().min(1),
    /** What the operator answered, where it could be read. */
    proof: z.string().max(16_384).optional(),
  }),
  /** A document that waits in the storage of this node and that it did not register itself. */
  'outbox-job': z.looseObject({ fn: fiscalStorage, fd: z.int().min(1), ref: z.string() }),
  /** What became of something this node delivers; the words of a record are those of `outbox`. */
  'outbox-record': z.looseObject({
    record: z.discriminatedUnion('type', [
      z.looseObject({
        type: z.literal('delivered'),
        ...recorded,
        step: z.int().optional(),
        proof: z.string(),
      }),
      z.looseObject({
        type: z.literal('quarantined'),
        ...recorded,
        step: z.int(),
        attempts: z.int(),
        code: z.string(),
        words: z.string(),
      }),
      z.looseObject({ type: z.literal('retried'), ...recorded, step: z.int(), by: z.string() }),
      z.looseObject({
        type: z.literal('resolved'),
        ...recorded,
        step: z.int(),
        by: z.string(),
        reason: z.string(),
      }),
    ]),
  }),
  /** From here on this address is told of these events (feed `local`); with no events, no longer. */
  webhook: z.looseObject({ hook: z.string().min(1), url: z.string(), events: z.array(z.string()) }),
  /** Who works in the chain (`employees`): whole, the PIN as a hash. The name stands on receipts. */
  employee: z.looseObject({
    id: employeeId,
    name: freeText(64),
    role: tillRole,
    branches: z.array(branchCode).optional(),
    active: z.boolean(),
    pin: z.looseObject({
      salt: z.instanceof(Uint8Array),
      hash: z.instanceof(Uint8Array),
      /** Of scrypt, with blocks of 8. */
      cost: z
        .int()
        .min(1_024)
        .max(2 ** 20),
    }),
    till: tillName,
  }),
  /** Somebody signed in or out at a till of this node, or tried too often (`local`). */
  'sign-in': z.looseObject({ event: z.enum(['in', 'out', 'locked']), person: employeeId, at: tillName }),
  /** The storage of this node's register is being replaced, by a person (`receipts/<branch>`). */
  'storage-replacement': z.discriminatedUnion('event', [
    z.looseObject({
      event: z.literal('started'),
      id: z.string(),
      fn: fiscalStorage,
      reason: freeText(),
      till: tillName,
      employee,
    }),
    z.looseObject({ event: z.literal('closed'), broken: freeText().optional(), till: tillName, employee }),
    z.looseObject({ event: z.literal('adopted'), fn: fiscalStorage, till: tillName, employee }),
    z.looseObject({ event: z.literal('tested'), till: tillName, employee }),
    z.looseObject({ event: z.literal('finished'), till: tillName, employee }),
    z.looseObject({ event: z.literal('cancelled'), reason: freeText(), till: tillName, employee }),
  ]),
  /** Nothing is sold here until then, or until somebody says that it is over (`orders/<branch>`). */
  maintenance: z.discriminatedUnion('event', [
    z.looseObject({
      event: z.literal('begun'),
      reason: freeText(),
      untilMs: z.int(),
      till: tillName,
      employee,
    }),
    z.looseObject({ event: z.literal('ended'), till: tillName, employee }),
  ]),
  /** The storage this node registers its sales with from here on. */
  'receipt-storage': z.looseObject({ fn: fiscalStorage, serial: z.string(), inn: z.string() }),
  /** A till token of this node (feed `local`): its hash, never the token. */
  till: z.looseObject({
    till: tillName,
    role: tillRole,
    /** SHA-256 of the token, hexadecimal; empty once revoked. */
    tokenHash: z.string().regex(/^([0-9a-f]{64})?$/),
    revoked: z.boolean(),
  }),
  /** The answer given under an Idempotency-Key (feed `local`), in the same commit as what it did. */
  request: z.looseObject({
    key: z.string().min(1),
    till: tillName,
    employee,
    /** SHA-256 over method, path and raw body, hexadecimal. */
    fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
    status: z.int(),
    /** The JSON text of the answer, to be repeated byte for byte. */
    answer: z.string(),
  }),
} as const;

export type EventKind = keyof typeof eventBodies;
export const eventKinds = Object.keys(eventBodies) as readonly EventKind[];
export type EventBody<K extends EventKind> = z.infer<(typeof eventBodies)[K]>;
