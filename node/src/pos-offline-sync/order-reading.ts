/**
 * One `pos.order` as a branch pushes it (45 keys), read as a sale or as a refund. Pure.
 *
 *     amount_total >= 0 ──> sale:   lines with what they cost; reward lines and goods that came back in the basket are discounts
 *     amount_total <  0 ──> refund: lines as positive quantities, with whatever names the sale they go back to
 *     anything that does not add up ──> unreadable, with a reason: the record is kept all the same, and a person looks at it
 *
 * Guarantees: lines add up to the total the branch took, to the cent; a product nobody here knows keeps its line; the moment of the
 * sale and the branch's own number are kept; nothing is refused for a field that is missing.
 *
 * Not here: which customer it is, what was known before, and the record itself, which is kept beside as it was sent.
 */
import {
  AMOUNT_MINOR_MAX,
  type OrderLine,
  type PaymentKind,
  sumMinor,
  type VatKind,
} from '@branchline/model';
import {
  asRecord,
  codeOf,
  idOf,
  milliOf,
  minorOf,
  momentOf,
  type OdooRecord,
  recordsIn,
  textOf,
} from './values.ts';

export interface ReadLine
  extends Pick<
    OrderLine,
    'name' | 'quantityMilli' | 'unitPriceMinor' | 'discountMinor' | 'totalMinor' | 'vat'
  > {
  readonly sku: string;
  /** Of the product, in the branch's database. */
  readonly localProductId?: number;
}

export interface ReadPayment {
  readonly kind: PaymentKind;
  readonly amountMinor: number;
}

interface Common {
  readonly till: string;
  readonly cashier: string | undefined;
  readonly soldAt: string | undefined;
  readonly reference: string | undefined;
  readonly name: string | undefined;
  readonly accessKey: string | undefined;
  readonly taxMinor: number | undefined;
  readonly totalMinor: number;
  readonly lines: readonly ReadLine[];
  readonly payments: readonly ReadPayment[];
}

export interface ReadSale extends Common {
  readonly kind: 'sale';
  readonly changeMinor: number;
  /** Goods that came back in the same basket. */
  readonly returned: readonly Pick<ReadLine, 'sku' | 'quantityMilli' | 'totalMinor'>[];
}

export interface ReadRefund extends Common {
  readonly kind: 'refund';
  /** What names the sale: references, the most telling first, and local ids. */
  readonly ofReferences: readonly string[];
  readonly ofLocalIds: readonly number[];
}

export type UnreadableReason = 'NO_LINES' | 'NO_TOTAL' | 'NOT_ADDING_UP';
export type Reading =
  | ReadSale
  | ReadRefund
  | { readonly kind: 'unreadable'; readonly reason: UnreadableReason };

export interface ReadingPorts {
  /** The product here, by the code and barcode the branch has for it. */
  skuOf(code: string | undefined, barcode: string | undefined): string | undefined;
  /** What the catalog says of its VAT. */
  vatOf(sku: string): VatKind | undefined;
  /** The branch, for names of products nobody here knows. */
  readonly branch: string;
}

interface SignedLine {
  readonly sku: string;
  readonly name: string;
  readonly localProductId: number | undefined;
  /** Of either sign. */
  readonly quantityMilli: number;
  readonly totalMinor: number;
  /** Off, of 100. */
  readonly discountPercent: number;
  readonly vat: VatKind;
}

/** Percent of VAT as Branchline names it; the taxes themselves stay in the record. */
const KIND_OF_PERCENT: ReadonlyMap<number, VatKind> = new Map([
  [22, 'vat22'],
  [20, 'vat20'],
  [10, 'vat10'],
  [7, 'vat7'],
  [5, 'vat5'],
]);
/** A rate read from two rounded amounts may be off by so many hundredths. */
const PERCENT_OFF_MAX = 0.6;
const CASH = /efectivo|cash|contado|налич/iu;
const CARD = /tarjeta|card|visa|master|d[eé]bito|cr[eé]dito|datafast|карт/iu;
const TILL = /[^\p{L}\p{N} ._-]+/gu;
const REFUNDED = /\s*(REFUND|REEMBOLSO|DEVOLUCI[OÓ]N).*$/iu;

export function readOrder(record: OdooRecord, ports: ReadingPorts): Reading {
  const totalMinor = minorOf(record.amount_total);
  const lines = recordsIn(record.lines).map((line) => readLine(line, ports));
  if (totalMinor === undefined) {
    return { kind: 'unreadable', reason: 'NO_TOTAL' };
  }
  if (lines.length === 0) {
    return { kind: 'unreadable', reason: 'NO_LINES' };
  }
  if (lines.some((line) => line === undefined)) {
    return { kind: 'unreadable', reason: 'NOT_ADDING_UP' };
  }
  const read = lines as SignedLine[];
  const isRefund = totalMinor < 0 || (totalMinor === 0 && record.is_refund === true);
  return isRefund ? refundOf(record, read, -totalMinor) : saleOf(record, read, totalMinor);
}

/** What tells two records with one local id apart; a reinstalled branch counts its ids from one again. */
export function evidenceOf(record: OdooRecord): string {
  const made = codeOf(record.create_date, 64);
  return made ?? codeOf(record.pos_reference) ?? accessKeyOf(record) ?? codeOf(record.name) ?? '';
}

function saleOf(record: OdooRecord, lines: readonly SignedLine[], totalMinor: number): Reading {
  const sold = lines.filter((line) => line.quantityMilli > 0 && line.totalMinor >= 0);
  const lessMinor = sumMinor(sold.map((line) => line.totalMinor)) - totalMinor;
  if (sold.length === 0) {
    return { kind: 'unreadable', reason: 'NOT_ADDING_UP' };
  }
  const shares = sharesOf(sold, lessMinor);
  if (shares === undefined) {
    return { kind: 'unreadable', reason: 'NOT_ADDING_UP' };
  }
  const { payments, changeMinor } = paymentsOf(record, 1);
  const returned = lines
    .filter((line) => line.quantityMilli < 0)
    .map(({ sku, quantityMilli, totalMinor: minor }) => ({
      sku,
      quantityMilli: -quantityMilli,
      totalMinor: Math.abs(minor),
    }));
  return {
    kind: 'sale',
    ...commonOf(record),
    totalMinor,
    lines: sold.map((line, index) => pricedLine(line, line.totalMinor - shares[index]!)),
    payments,
    changeMinor,
    returned,
  };
}

function refundOf(record: OdooRecord, lines: readonly SignedLine[], totalMinor: number): Reading {
  const back = lines
    .filter((line) => line.quantityMilli < 0)
    .map((line) => ({
      ...line,
      quantityMilli: -line.quantityMilli,
      totalMinor: Math.max(0, -line.totalMinor),
    }));
  const lessMinor = sumMinor(back.map((line) => line.totalMinor)) - totalMinor;
  const shares = back.length === 0 ? undefined : sharesOf(back, lessMinor);
  if (shares === undefined) {
    return { kind: 'unreadable', reason: 'NOT_ADDING_UP' };
  }
  const common = commonOf(record);
  const original = asRecord(record.original_order);
  const references = [
    codeOf(record.refund_order_pos_reference),
    codeOf(record.original_order_reference),
    codeOf(original?.pos_reference),
    codeOf(original?.name),
    // A refund made in the back office carries the reference of its sale, and the sale's name with a word behind it.
    common.reference,
    common.name === undefined || !REFUNDED.test(common.name) ? undefined : common.name.replace(REFUNDED, ''),
  ];
  const refunded = Array.isArray(record.refunded_order_ids) ? record.refunded_order_ids : [];
  return {
    kind: 'refund',
    ...common,
    totalMinor,
    lines: back.map((line, index) => pricedLine(line, line.totalMinor - shares[index]!)),
    payments: paymentsOf(record, -1).payments,
    ofReferences: [...new Set(references.flatMap((each) => each ?? []))],
    ofLocalIds: [record.refund_order_id, original?.id, ...refunded].flatMap((each) => idOf(each) ?? []),
  };
}

function commonOf(record: OdooRecord): Omit<Common, 'totalMinor' | 'lines' | 'payments'> {
  return {
    till: tillOf(record),
    cashier:
      textOf(record.cashier_name, 128) ?? textOf(record.employee_name, 128) ?? textOf(record.user_name, 128),
    soldAt: momentOf(record.date_order) ?? momentOf(record.create_date),
    reference: codeOf(record.pos_reference),
    name: codeOf(record.name),
    accessKey: accessKeyOf(record),
    taxMinor: minorOf(record.amount_tax),
  };
}

function accessKeyOf(record: OdooRecord): string | undefined {
  return (
    codeOf(record.key_order, 128) ?? codeOf(asRecord(record.invoice_data)?.l10n_ec_authorization_number, 128)
  );
}

/** A till's name holds letters, digits, blanks and . _ - */
function tillOf(record: OdooRecord): string {
  const name = (codeOf(record.config_name) ?? '').replaceAll(TILL, ' ').replaceAll(/\s+/g, ' ');
  return name.slice(0, 32).replaceAll(/^[ ._-]+|[ ._-]+$/g, '') || 'POS';
}

function readLine(line: OdooRecord, ports: ReadingPorts): SignedLine | undefined {
  const quantityMilli = milliOf(line.qty);
  const totalMinor = minorOf(line.price_subtotal_incl) ?? minorOf(line.price_subtotal);
  if (quantityMilli === undefined || totalMinor === undefined) {
    return undefined;
  }
  const code = codeOf(line.product_default_code, 64);
  const barcode = codeOf(line.product_barcode, 64);
  const localProductId = idOf(line.product_id);
  const sku =
    ports.skuOf(code, barcode) ??
    plain(code) ??
    plain(barcode) ??
    `${ports.branch}.product-${localProductId ?? 0}`;
  const percent = Number(line.discount);
  return {
    sku,
    name: textOf(line.product_name) ?? sku,
    localProductId,
    quantityMilli,
    totalMinor,
    discountPercent: Number.isFinite(percent) && percent > 0 && percent < 100 ? percent : 0,
    vat: vatOf(line, sku, ports),
  };
}

function plain(code: string | undefined): string | undefined {
  return code === undefined ? undefined : code.replaceAll('/', '-');
}

function vatOf(line: OdooRecord, sku: string, { vatOf: catalogVat }: ReadingPorts): VatKind {
  const net = Math.abs(Number(line.price_subtotal));
  const gross = Math.abs(Number(line.price_subtotal_incl));
  const percent = net > 0 && Number.isFinite(gross) ? (gross / net - 1) * 100 : 0;
  const known = catalogVat(sku);
  if (percent < PERCENT_OFF_MAX) {
    return known === 'vat0' ? 'vat0' : 'none';
  }
  for (const [rate, kind] of KIND_OF_PERCENT) {
    if (Math.abs(rate - percent) <= PERCENT_OFF_MAX) {
      return kind;
    }
  }
  // A rate of another country: what was really charged stands in the record.
  return 'none';
}

/** What each line gives up so that together they come to `lessMinor` less; negative where rounding makes them more. Undefined when they cannot. */
function sharesOf(lines: readonly SignedLine[], lessMinor: number): number[] | undefined {
  const wholeMinor = sumMinor(lines.map((line) => line.totalMinor));
  const roundingMax = lines.length + 1;
  if (lessMinor > wholeMinor || lessMinor < -roundingMax) {
    return undefined;
  }
  let leftMinor = lessMinor;
  const shares = lines.map(({ totalMinor }) => {
    const share = wholeMinor === 0 ? 0 : Math.trunc((lessMinor * totalMinor) / wholeMinor);
    leftMinor -= share;
    return share;
  });
  // The cents that division left go to the lines that can bear them, the dearest first.
  const dearest = lines.map((_, index) => index).sort((a, b) => lines[b]!.totalMinor - lines[a]!.totalMinor);
  for (const index of dearest) {
    const room = leftMinor < 0 ? leftMinor : Math.min(leftMinor, lines[index]!.totalMinor - shares[index]!);
    shares[index] = shares[index]! + room;
    leftMinor -= room;
  }
  return leftMinor === 0 ? shares : undefined;
}

function pricedLine(line: SignedLine, totalMinor: number): ReadLine {
  const { sku, name, localProductId, quantityMilli, discountPercent, vat } = line;
  const fullMinor = Math.max(totalMinor, Math.round(line.totalMinor / (1 - discountPercent / 100)));
  const unitPriceMinor = Math.min(AMOUNT_MINOR_MAX, Math.ceil((fullMinor * 1_000) / quantityMilli));
  const wholeMinor = Math.round((unitPriceMinor * quantityMilli) / 1_000);
  return {
    sku,
    name,
    quantityMilli,
    unitPriceMinor,
    discountMinor: Math.max(0, wholeMinor - totalMinor),
    totalMinor,
    vat,
    ...(localProductId === undefined ? {} : { localProductId }),
  };
}

/** Change is a payment of the other sign. */
function paymentsOf(
  record: OdooRecord,
  sign: 1 | -1,
): { readonly payments: ReadPayment[]; readonly changeMinor: number } {
  const payments: ReadPayment[] = [];
  let changeMinor = 0;
  for (const payment of recordsIn(record.payments)) {
    const amountMinor = sign * (minorOf(payment.amount) ?? 0);
    if (amountMinor > 0) {
      payments.push({ kind: kindOf(payment), amountMinor });
    } else {
      changeMinor -= amountMinor;
    }
  }
  return { payments, changeMinor };
}

function kindOf(payment: OdooRecord): PaymentKind {
  const name = textOf(payment.payment_method_name) ?? '';
  if (codeOf(payment.check_number) !== undefined || payment.selecteInstitutionCredit) {
    return 'other';
  }
  if (codeOf(payment.number_voucher) !== undefined || codeOf(payment.type_card_name) !== undefined) {
    return 'card';
  }
  return CASH.test(name) ? 'cash' : CARD.test(name) ? 'card' : 'other';
}
