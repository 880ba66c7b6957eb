/**
 * Records as the module serializes them (the keys of its `pos.order` and `res.partner`), made up for tests: names, numbers and companies are
 * nobody's.
 */

export interface Line {
  readonly code?: string;
  readonly barcode?: string;
  readonly productId?: number;
  readonly name?: string;
  readonly qty: number;
  /** With tax, the whole line. */
  readonly gross: number;
  readonly net?: number;
}

export interface OrderOptions {
  readonly id: number;
  readonly lines?: readonly Line[];
  readonly date?: string;
  readonly created?: string;
  readonly reference?: string;
  readonly name?: string;
  readonly partner?: { readonly id: number; readonly vat?: string; readonly cloudId?: number };
  readonly paid?: number;
  readonly more?: Readonly<Record<string, unknown>>;
}

export type Json = Readonly<Record<string, unknown>>;

const LINES: readonly Line[] = [{ code: 'TEA', productId: 41, name: 'Tea', qty: 2, gross: 5.98 }];

export function posOrder(options: OrderOptions): Json {
  const { id, lines = LINES, date = '2026-11-22T08:15:00', partner, more = {} } = options;
  const total = Math.round(lines.reduce((sum, line) => sum + line.gross, 0) * 100) / 100;
  const paid = options.paid ?? total;
  const payment = {
    payment_method_id: 1,
    payment_method_name: 'Efectivo',
    payment_date: date,
    check_number: false,
  };
  return {
    id,
    name: options.name ?? `Sucursal/${String(id).padStart(4, '0')}`,
    pos_reference: options.reference ?? `Orden 00007-001-${String(id).padStart(4, '0')}`,
    date_order: date,
    partner_id: partner?.id ?? false,
    partner_vat: partner?.vat ?? false,
    partner_cloud_sync_id: partner?.cloudId ?? false,
    amount_total: total,
    amount_paid: total,
    amount_return: paid - total,
    amount_tax: 0,
    state: 'paid',
    note: false,
    session_id: 7,
    session_name: 'POS/00007',
    config_id: 1,
    config_name: 'Caja 1',
    user_id: 2,
    user_name: 'Ana',
    user_login: 'ana',
    employee_id: false,
    employee_name: false,
    cashier_name: 'Ana',
    check_info_json: false,
    card_info_json: false,
    key_order: false,
    payment_transfer_number: false,
    payment_bank_name: false,
    payment_transaction_id: false,
    orderer_identification: false,
    fiscal_position_id: false,
    fiscal_position_name: false,
    pricelist_id: 1,
    pricelist_name: 'Public',
    is_refund: total < 0,
    refund_order_id: null,
    refund_order_pos_reference: null,
    cloud_sync_id: 0,
    id_database_old: false,
    create_date: options.created ?? date,
    write_date: date,
    lines: lines.map(lineOf),
    payments: [
      { ...payment, amount: paid },
      ...(paid === total ? [] : [{ ...payment, amount: total - paid }]),
    ],
    invoice_data: null,
    json_storage_data: null,
    ...more,
  };
}

function lineOf({ code, barcode, productId = 41, name, qty, gross, net = gross }: Line): Json {
  return {
    product_id: productId,
    product_barcode: barcode ?? false,
    product_default_code: code ?? false,
    product_name: name ?? code ?? barcode ?? 'Producto',
    qty,
    price_unit: net / qty,
    price_subtotal: net,
    price_subtotal_incl: gross,
    discount: 0,
    tax_ids: [1],
  };
}

export function partner(options: {
  readonly id: number;
  readonly vat?: string;
  readonly name?: string;
  readonly phone?: string;
  readonly more?: Json;
}): Json {
  const { id, vat, name = `Cliente ${id}`, phone, more = {} } = options;
  return {
    id,
    name,
    display_name: name,
    email: false,
    phone: phone ?? false,
    mobile: false,
    vat: vat ?? false,
    street: 'Calle 1',
    street2: false,
    city: 'Loja',
    zip: false,
    country_id: 63,
    country_name: 'Ecuador',
    country_code: 'EC',
    state_id: false,
    state_name: false,
    type: 'contact',
    lang: 'es_EC',
    comment: false,
    barcode: false,
    ref: false,
    active: true,
    id_database_old: false,
    cloud_sync_id: 0,
    ...more,
  };
}
