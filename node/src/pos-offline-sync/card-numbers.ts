/**
 * A pushed record without numbers of payment cards: feeds are for ever, and a cashier types one into any field. Pure.
 *
 * Where a field is for cards (by its name, or inside `payments` and what the module keeps beside them) a number of 13 to 19 digits is
 * masked; everywhere else, keys nobody here knows included, one of 14 to 19, because thirteen digits are a barcode or a taxpayer number.
 * Never searched: fields that name something by a number (barcodes, references, access keys, tax numbers, telephones, accounts, loyalty
 * cards), which are as likely to look like a card as any digits are; a masked one could not be found again. Only the last four digits stay.
 */
import { maskCardNumbers } from '@branchline/model';
import { asRecord, type OdooRecord } from './values.ts';

/** Holds of a payment what the device or the cashier noted of the card. */
const OF_CARDS =
  /^(payments|card_info_json|number_voucher|holder_card|bin_tc|number_lote)$|card|tarjeta|(^|_)pan(_|$)/i;
const LOYALTY_CARDS = /loyalty|coupon|gift|club|fidel/i;
const NAMES_SOMETHING =
  /barcode|codebar|(^|_)(ean|gtin|upc|imei|iban)|code|codigo|reference|referencia|(^|_)ref(_|$)|vat|ruc|cedula|identif|phone|mobile|telefono|celular|(^|_)key|clave|autoriz|authoriz|access|uuid|serial|(^|_)lot(_|$)|(^|_)ids?(_|$)|account|cuenta|cheque|check_number|document_number|transaction|transfer_number|payment_id/i;

/** The same object where nothing was found. `data` is no deeper than a pushed record may be. */
export function withoutCardNumbers(data: OdooRecord): OdooRecord {
  return asRecord(searched(data, false)) as OdooRecord;
}

function searched(value: unknown, isOfCards: boolean): unknown {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))) {
    const text = String(value);
    const masked = maskCardNumbers(text, isOfCards ? 13 : 14);
    return masked === text ? value : masked;
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => searched(item, isOfCards));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  const record = asRecord(value);
  if (record === undefined) {
    return value;
  }
  const entries = Object.entries(record).map(([key, field]) => {
    const isCard = OF_CARDS.test(key) && !LOYALTY_CARDS.test(key);
    const isExempt = !isCard && (NAMES_SOMETHING.test(key) || LOYALTY_CARDS.test(key));
    return [key, isExempt && !isNested(field) ? field : searched(field, isCard || isOfCards)] as const;
  });
  return entries.some(([key, field]) => field !== record[key]) ? Object.fromEntries(entries) : value;
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
