/**
 * What goes down to branches with another program, in the fields of its own models; the list of models it can ask for.
 *
 * A record names others by the number they go under here, and by name, code or barcode as well: ids of two databases are never the same,
 * and the module resolves by name where it can. Fields that would be read as ids of the branch (taxes of a product, its categories in the
 * till) are left out of products; personal data goes to the branch of the chain that asks with its key. A PIN goes nowhere: it is not kept.
 *
 * `pos.order` is not among the models: a branch would make copies of what it gets.
 */
import { type ProductRow, priceAt } from '@branchline/docs';
import { type Employee, type Unit, vatRates } from '@branchline/model';
import { isoTime } from 'hlc-ts';
import { worksAt } from '../employees/employee-book.ts';
import type { NodeParts } from '../node-services.ts';
import { saidNow } from '../projections/overrides.ts';
import { PARTNER } from './branch-context.ts';
import { CREDIT, INSTITUTION } from './take-credit.ts';
import { asRecord, fromMinor, naiveTime, type OdooRecord } from './values.ts';

export type DownParts = Pick<
  NodeParts,
  | 'products'
  | 'overrides'
  | 'pricing'
  | 'programmes'
  | 'customers'
  | 'employees'
  | 'keys'
  | 'posSync'
  | 'clock'
>;

/** By what it is here; the number is added when it is sent. */
export type Records = Map<string, OdooRecord>;

/** A number of something else, filled in when the record is sent. */
export class Ref {
  readonly model: string;
  readonly key: string;

  constructor(model: string, key: string) {
    this.model = model;
    this.key = key;
  }
}

export const PRODUCT = 'product.product';
export const TEMPLATE = 'product.template';
export const CATEGORY = 'product.category';
export const PRICELIST = 'product.pricelist';
export const PRICELIST_ITEM = 'product.pricelist.item';
export const PROGRAM = 'loyalty.program';
export const RULE = 'loyalty.rule';
export const REWARD = 'loyalty.reward';
export const FISCAL_POSITION = 'account.fiscal.position';
export const PAYMENT_METHOD = 'pos.payment.method';
export const EMPLOYEE = 'hr.employee';
export const UOM = 'uom.uom';
export const TAX = 'account.tax';
export const QUANT = 'stock.quant';

/** What head office says by hand: nothing else here holds it. */
export const REFERENCE_MODELS = [FISCAL_POSITION, PAYMENT_METHOD, INSTITUTION, CREDIT, TAX] as const;

/** Names of the migration, in its order, and the model of each. */
export const MIGRATION: readonly (readonly [string, string])[] = [
  ['product_categories', CATEGORY],
  ['uom', UOM],
  ['taxes', TAX],
  ['fiscal_positions', FISCAL_POSITION],
  ['payment_methods', PAYMENT_METHOD],
  ['partners', PARTNER],
  ['pricelists', PRICELIST],
  ['product_templates', TEMPLATE],
  ['products', PRODUCT],
  ['pricelist_items', PRICELIST_ITEM],
  ['loyalty_programs', PROGRAM],
  ['loyalty_rules', RULE],
  ['loyalty_rewards', REWARD],
];

/** What `/pull` knows; of the others it tells nothing. Quantities are made per branch. */
export const PULL_MODELS: readonly string[] = [
  PARTNER,
  PRODUCT,
  TEMPLATE,
  PROGRAM,
  RULE,
  REWARD,
  EMPLOYEE,
  PAYMENT_METHOD,
  PRICELIST,
  FISCAL_POSITION,
  INSTITUTION,
  CREDIT,
];

const UNITS: Readonly<Record<Unit, string>> = {
  piece: 'Units',
  kg: 'kg',
  g: 'g',
  l: 'L',
  ml: 'mL',
  m: 'm',
  m2: 'm²',
  m3: 'm³',
  hour: 'Hours',
  other: 'Units',
};
const LOYALTY = 'loyalty';
const PAYMENT_METHODS = [
  ['cash', { name: 'Efectivo', is_cash_count: true, type: 'cash' }],
  ['card', { name: 'Tarjeta', is_cash_count: false, type: 'bank' }],
  ['giftCard', { name: 'Tarjeta de regalo', is_cash_count: false, type: 'bank' }],
  ['other', { name: 'Otro', is_cash_count: false, type: 'pay_later' }],
] as const;

/** Whole models, but for products and customers, of which there are many: those are read one by one. */
export async function recordsDown(parts: DownParts, model: string): Promise<Records> {
  switch (model) {
    case CATEGORY:
      return new Map(categories(parts).map((name) => [name, categoryRecord(name)]));
    case UOM:
      return new Map(Object.values(UNITS).map((name) => [name, { name, active: true }]));
    case TAX:
      return withReferences(parts, TAX, taxes(parts));
    case PAYMENT_METHOD:
      return withReferences(
        parts,
        model,
        new Map(PAYMENT_METHODS.map(([key, fields]) => [key, { ...fields, active: true }])),
      );
    case PRICELIST:
      return new Map(parts.pricing.pricelists.map((list) => [list.id, pricelistRecord(parts, list)]));
    case PRICELIST_ITEM:
      return pricelistItems(parts);
    case PROGRAM:
      return programs(parts);
    case RULE:
      return rules(parts);
    case REWARD:
      return rewards(parts);
    case EMPLOYEE:
      return new Map(parts.employees.list().map((each) => [each.id, employeeRecord(each, undefined)]));
    case INSTITUTION:
      return withReferences(parts, model, await pushedRecords(parts, INSTITUTION));
    case CREDIT:
      return withReferences(parts, model, await credits(parts));
    default:
      return withReferences(parts, model, new Map());
  }
}

/** One product; with a branch, at the price it has there. */
export function productRecord(
  parts: DownParts,
  row: ProductRow,
  branch: string | undefined,
  model: string = PRODUCT,
): OdooRecord {
  const own = branch === undefined ? undefined : parts.overrides.get(branch, row.sku);
  const nowMs = parts.clock.nowMs();
  const priceMinor =
    saidNow(own?.price, nowMs) ?? (branch === undefined ? row.priceMinor : priceAt(row, branch)) ?? 0;
  const available =
    saidNow(own?.available, nowMs) ??
    (branch === undefined ? undefined : row.overrides[branch]?.available) ??
    true;
  const price = fromMinor(priceMinor);
  return {
    name: row.name,
    display_name: `[${row.sku}] ${row.name}`,
    default_code: row.sku,
    barcode: row.barcodes[0] ?? false,
    list_price: price,
    lst_price: price,
    standard_price: 0,
    type: 'product',
    detailed_type: 'product',
    available_in_pos: available && !row.retired,
    sale_ok: !row.retired,
    purchase_ok: true,
    active: !row.retired,
    categ_id: new Ref(CATEGORY, categoryOf(row)),
    categ_name: categoryOf(row),
    uom_id: new Ref(UOM, UNITS[row.unit]),
    uom_name: UNITS[row.unit],
    uom_po_id: new Ref(UOM, UNITS[row.unit]),
    uom_po_name: UNITS[row.unit],
    description: false,
    description_sale: false,
    weight: 0,
    volume: 0,
    to_weight: row.unit === 'kg' || row.unit === 'g',
    cloud_sync_id: new Ref(model, row.sku),
    id_database_old: false,
    ...(model === PRODUCT ? { product_tmpl_id: new Ref(TEMPLATE, row.sku) } : {}),
    ...(row.vat === null ? {} : { tax_name: taxName(row.vat) }),
  };
}

/** Does this branch, or any, sell the product on its own terms? */
export function isOverridden(parts: DownParts, row: ProductRow, branch: string): boolean {
  return parts.overrides.get(branch, row.sku) !== undefined || row.overrides[branch] !== undefined;
}

/** Those with a price; the others cannot be sold. */
export function* productRows({ products }: Pick<DownParts, 'products'>): Generator<ProductRow> {
  for (const row of products.rows()) {
    if (row.priceMinor !== null) {
      yield row;
    }
  }
}

/** A customer in the module's fields: what a branch pushed of it last, with what is said of it here since. */
export async function partnerRecord(parts: DownParts, id: string): Promise<OdooRecord | undefined> {
  const { customers, keys, posSync } = parts;
  if (keys.isErased(id)) {
    return {
      name: '—',
      display_name: '—',
      email: '',
      phone: '',
      mobile: '',
      vat: '',
      street: '',
      street2: '',
      comment: '',
      active: false,
    };
  }
  const customer = await customers.get(id);
  if (customer === undefined) {
    return undefined;
  }
  const kept = await posSync.recordOf(PARTNER, id);
  const pushed = kept === undefined ? {} : fieldsOf(keys.openAnswer(kept));
  const {
    id: _id,
    cloud_sync_id: _cloud,
    country_id: _c,
    state_id: _s,
    property_product_pricelist: _p,
    ...fields
  } = pushed;
  const { l10n_latam_identification_type_id: _l, ...plain } = fields;
  const isMerged = customer.id !== id;
  const phone = customer.phone ?? false;
  return {
    ...plain,
    name: customer.name ?? plain.name ?? id,
    display_name: customer.name ?? plain.name ?? id,
    email: customer.email ?? false,
    ...(plain.mobile ? { mobile: phone } : { phone }),
    comment: customer.note ?? false,
    type: 'contact',
    active: !customer.retired && !isMerged,
    cloud_sync_id: new Ref(PARTNER, id),
    id_database_old: plain.id_database_old ?? false,
  };
}

/** Who may sign in; for a branch, whether there. The hash of a PIN goes nowhere, so a till of the module asks for none. */
export function employeeRecord(employee: Employee, branch: string | undefined): OdooRecord {
  const { id, name, role } = employee;
  return {
    name,
    display_name: name,
    job_title: role,
    active: branch === undefined ? employee.active : worksAt(employee, branch),
    cloud_sync_id: new Ref(EMPLOYEE, id),
    // A change of it changes what some branch is told.
    ...(branch === undefined ? { branches: employee.branches ?? [] } : {}),
  };
}

function categoryOf(row: ProductRow): string {
  return row.category === '' ? 'All' : row.category;
}

function categories(parts: DownParts): string[] {
  return [...new Set(Array.from(productRows(parts), categoryOf))].sort();
}

function categoryRecord(name: string): OdooRecord {
  return {
    name: name.split('/').at(-1)!.trim() || name,
    complete_name: name,
    parent_id: false,
    parent_path: name,
  };
}

function taxes(parts: DownParts): Records {
  const kinds = new Set(Array.from(productRows(parts), ({ vat }) => vat).flatMap((vat) => vat ?? []));
  return new Map(
    [...kinds].sort().map((vat) => [
      vat,
      {
        name: taxName(vat),
        amount: vatRates[vat].percent,
        amount_type: 'percent',
        type_tax_use: 'sale',
        price_include: true,
        active: true,
      },
    ]),
  );
}

function taxName(vat: keyof typeof vatRates): string {
  return `IVA ${vatRates[vat].percent}%`;
}

function pricelistRecord(parts: DownParts, list: DownParts['pricing']['pricelists'][number]): OdooRecord {
  return {
    name: list.name,
    active: !list.archived && isOver(list.until, parts) === false,
    discount_policy: 'without_discount',
    cloud_sync_id: new Ref(PRICELIST, list.id),
    id_database_old: false,
    items: list.archived
      ? []
      : list.prices.map((row) => ({
          id: new Ref(PRICELIST_ITEM, `${list.id}/${row.sku}`),
          ...itemOf(list, row),
        })),
  };
}

function pricelistItems(parts: DownParts): Records {
  const records: Records = new Map();
  for (const list of parts.pricing.pricelists.filter(({ archived }) => !archived)) {
    for (const row of list.prices) {
      records.set(`${list.id}/${row.sku}`, {
        pricelist_id: new Ref(PRICELIST, list.id),
        pricelist_name: list.name,
        ...itemOf(list, row),
      });
    }
  }
  return records;
}

function itemOf(
  list: DownParts['pricing']['pricelists'][number],
  { sku, priceMinor }: { readonly sku: string; readonly priceMinor: number },
): OdooRecord {
  return {
    applied_on: '0_product_variant',
    product_id: new Ref(PRODUCT, sku),
    product_tmpl_id: new Ref(TEMPLATE, sku),
    product_default_code: sku,
    categ_id: false,
    min_quantity: 0,
    date_start: list.from === undefined ? false : naiveTime(Date.parse(list.from)),
    date_end: list.until === undefined ? false : naiveTime(Date.parse(list.until)),
    compute_price: 'fixed',
    fixed_price: fromMinor(priceMinor),
    percent_price: 0,
    price_discount: 0,
    price_surcharge: 0,
    base: 'list_price',
  };
}

/** The loyalty programme of today, and each promotion. */
function programs(parts: DownParts): Records {
  const records: Records = new Map();
  const ruleRecords = rules(parts);
  const rewardRecords = rewards(parts);
  const common = {
    portal_visible: false,
    limit_usage: false,
    max_usage: 0,
    company_id: false,
    currency_id: false,
    id_database_old: false,
  };
  records.set(LOYALTY, {
    ...common,
    name: 'Loyalty',
    active: true,
    program_type: 'loyalty',
    applies_on: 'both',
    trigger: 'auto',
    portal_point_name: 'Points',
    date_from: false,
    date_to: false,
    cloud_sync_id: new Ref(PROGRAM, LOYALTY),
    rules: nested(ruleRecords, LOYALTY, RULE),
    rewards: nested(rewardRecords, LOYALTY, REWARD),
  });
  for (const promotion of parts.pricing.promotions) {
    records.set(promotion.id, {
      ...common,
      name: promotion.name,
      active: !promotion.archived && isOver(promotion.until, parts) === false,
      program_type: 'promotion',
      applies_on: 'current',
      trigger: 'auto',
      portal_point_name: 'Promo',
      date_from: promotion.from === undefined ? false : promotion.from.slice(0, 10),
      date_to: promotion.until === undefined ? false : promotion.until.slice(0, 10),
      cloud_sync_id: new Ref(PROGRAM, promotion.id),
      rules: nested(ruleRecords, promotion.id, RULE),
      rewards: nested(rewardRecords, promotion.id, REWARD),
    });
  }
  return records;
}

function nested(records: Records, key: string, model: string): OdooRecord[] {
  const record = records.get(key);
  return record === undefined ? [] : [{ id: new Ref(model, key), ...record }];
}

function rules(parts: DownParts): Records {
  const { pointsPerStep, stepMinor } = parts.programmes.at(parts.clock.nowMs());
  const records: Records = new Map();
  const common = {
    mode: 'auto',
    minimum_amount: 0,
    minimum_amount_tax_mode: 'incl',
    product_category_id: false,
    product_domain: '[]',
  };
  records.set(LOYALTY, {
    ...common,
    program_id: new Ref(PROGRAM, LOYALTY),
    minimum_qty: 0,
    reward_point_mode: 'money',
    reward_point_amount: pointsPerStep / fromMinor(stepMinor),
    product_ids: [],
  });
  for (const { id, minQuantityMilli, skus } of parts.pricing.promotions) {
    records.set(id, {
      ...common,
      program_id: new Ref(PROGRAM, id),
      minimum_qty: (minQuantityMilli ?? 0) / 1_000,
      reward_point_mode: 'order',
      reward_point_amount: 1,
      product_ids: (skus ?? []).map((sku) => new Ref(PRODUCT, sku)),
      product_codes: skus ?? [],
    });
  }
  return records;
}

function rewards(parts: DownParts): Records {
  const { pointValueMinor } = parts.programmes.at(parts.clock.nowMs());
  const records: Records = new Map();
  const common = {
    reward_type: 'discount',
    discount_max_amount: 0,
    discount_product_category_id: false,
    discount_product_domain: '[]',
    clear_wallet: false,
  };
  records.set(LOYALTY, {
    ...common,
    program_id: new Ref(PROGRAM, LOYALTY),
    description: 'Points',
    discount: fromMinor(pointValueMinor),
    discount_mode: 'per_point',
    discount_applicability: 'order',
    discount_product_ids: [],
    required_points: 1,
  });
  for (const { id, name, percentOff, amountOffMinor, skus } of parts.pricing.promotions) {
    records.set(id, {
      ...common,
      program_id: new Ref(PROGRAM, id),
      description: name,
      discount: percentOff ?? fromMinor(amountOffMinor ?? 0),
      discount_mode: percentOff === undefined ? 'per_order' : 'percent',
      discount_applicability: skus === undefined ? 'order' : 'specific',
      discount_product_ids: (skus ?? []).map((sku) => new Ref(PRODUCT, sku)),
      discount_product_codes: skus ?? [],
      required_points: 1,
    });
  }
  return records;
}

async function pushedRecords({ posSync, keys }: DownParts, model: string): Promise<Records> {
  const records: Records = new Map();
  for (const [key, kept] of await posSync.recordsOf(model)) {
    const { id: _id, cloud_sync_id: _cloud, ...fields } = fieldsOf(keys.openAnswer(kept));
    records.set(key, { ...fields, cloud_sync_id: new Ref(model, key) });
  }
  return records;
}

/** With what is left by everybody's account. */
async function credits(parts: DownParts): Promise<Records> {
  const records = await pushedRecords(parts, CREDIT);
  for (const [line, fields] of records) {
    const credit = parts.posSync.credits.get(line);
    if (credit !== undefined) {
      const { institution_id: _i, partner_id: _p, ...plain } = fields;
      const left = { available_amount: fromMinor(credit.availableMinor), sale: fromMinor(credit.limitMinor) };
      records.set(line, { ...plain, institution_id: new Ref(INSTITUTION, line.split('/')[0]!), ...left });
    }
  }
  return records;
}

/** What head office says by hand counts before what is made up here. */
function withReferences({ posSync }: DownParts, model: string, records: Records): Records {
  for (const { id, fields, archived } of posSync.references(model)) {
    records.set(id, { ...records.get(id), ...fields, active: !archived, cloud_sync_id: new Ref(model, id) });
  }
  return records;
}

function isOver(until: string | undefined, { clock }: DownParts): boolean {
  return until !== undefined && until <= isoTime(clock.nowMs());
}

/** What a branch said of it, without what would be an order to the others: `_operation` and the like. */
function fieldsOf(kept: string | undefined): OdooRecord {
  const fields = asRecord(json(kept)) ?? {};
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !name.startsWith('_')));
}

function json(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
