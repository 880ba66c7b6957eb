/**
 * Whether the books of the chain are what the tills were told: orders, refunds, numbers, stock, transfers, points, gift cards. What is
 * compared with a program's answer is always the sum of what people were promised, never another answer of the same code.
 */
import type { Order, Refund } from '@branchline/model';
import { CUSTOMERS, SKUS } from './errands.ts';
import { must, same } from './finding.ts';
import { type Attempt, isUnsure } from './oracle.ts';
import type { People } from './people.ts';
import type { Shop } from './shop.ts';
import type { World } from './world.ts';

/** One branch as head office knows it. */
interface Book {
  readonly branch: string;
  readonly orders: readonly Order[];
  readonly refunds: readonly Refund[];
}

export async function ordersOf(shop: Shop, branch: string): Promise<readonly Order[]> {
  const found: Order[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await shop.services.orders.list({ after, limit: 100, branch });
    found.push(...page.orders);
    if (page.next === undefined || page.next === null || page.orders.length === 0) {
      return found;
    }
    after = page.next;
  }
}

/** The cards come last: who asks what is on one calls for what is held elsewhere, and documents change. */
export async function checkBooks(world: World, people: People): Promise<() => Promise<void>> {
  const books: Book[] = [];
  for (const branch of new Set(world.shops.map((shop) => shop.branch))) {
    const orders = await ordersOf(world.office, branch);
    books.push({ branch, orders, refunds: await refundsOf(world.office, orders) });
  }
  for (const book of books) {
    await checkOrders(world, people, book);
    await checkRefunds(world, people, book);
    checkNumbers(world, book);
    await checkStock(world, people, book);
  }
  await checkTransfers(world, people);
  await checkCustomers(world, books);
  return () => checkCards(world, people, books);
}

/** Machines of a branch that belong to the chain. */
function nodesOf(world: World, branch: string): readonly Shop[] {
  return world.shops.filter((shop) => shop.branch === branch && !shop.isRevoked);
}

/** One key on two machines is one holder of rights: what both spent shows as less than nothing. */
function hasForgotten(world: World): boolean {
  return world.shops.some(({ forgotSinceMs }) => forgotSinceMs !== undefined);
}

async function refundsOf(shop: Shop, orders: readonly Order[]): Promise<readonly Refund[]> {
  const details = await Promise.all(orders.map(({ id }) => shop.services.orders.get(id)));
  return details.flatMap((detail) => detail?.refunds ?? []);
}

const plain = (document: Order | Refund) => ({ ...document, receipt: undefined });

/** 1, 4, 12, 19, 20: what was acknowledged is there, once, with the same content, at the shop and in head office. */
async function checkOrders(world: World, people: People, { branch, orders }: Book): Promise<void> {
  for (const shop of nodesOf(world, branch)) {
    const here = await ordersOf(shop, branch);
    same(here.map(plain), orders.map(plain), `1: orders of ${branch} in ${shop.name} and in head office`);
  }
  const sales = people.sales.filter((sale) => sale.branch === branch);
  checkPromised('orders', branch, orders, sales);
}

/** 29: the same for refunds; and of no line more goes back than was sold. */
async function checkRefunds(world: World, people: People, { branch, orders, refunds }: Book): Promise<void> {
  for (const shop of nodesOf(world, branch)) {
    const here = await refundsOf(shop, orders);
    same(here.map(plain), refunds.map(plain), `1: refunds of ${branch} in ${shop.name} and in head office`);
  }
  const asked = people.refunds.filter((refund) => refund.branch === branch);
  checkPromised('refunds', branch, refunds, asked);
  for (const { id, number, lines, totalMinor } of orders) {
    const own = refunds.filter(({ refundOf }) => refundOf === id);
    const backMinor = own.reduce((sum, refund) => sum + refund.totalMinor, 0);
    for (const [at, { quantityMilli }] of lines.entries()) {
      const back = own.flatMap((refund) => refund.lines).filter(({ line }) => line === at);
      const backMilli = back.reduce((sum, line) => sum + line.quantityMilli, 0);
      const isRight = (backMilli <= quantityMilli && backMinor <= totalMinor) || hasForgotten(world);
      must(isRight, `29: of ${quantityMilli} in line ${at} of ${number}, ${backMilli} went back`);
    }
  }
}

function checkPromised(
  what: string,
  branch: string,
  documents: readonly (Order | Refund)[],
  attempts: readonly Attempt<unknown, Order | Refund>[],
): void {
  const byId = new Map(documents.map((document) => [document.id, document]));
  must(byId.size === documents.length, `12: one of the ${what} of ${branch} is listed twice`);
  for (const { answer, request, told } of attempts) {
    if (told === 'done') {
      const found = byId.get(answer!.id);
      must(found !== undefined, `19: ${request.key}, ${answer!.number}, was acknowledged and is gone`);
      same(plain(found), plain(answer!), `19: ${request.key} as acknowledged and as kept`);
      must(byId.delete(answer!.id), `12: two keys for ${answer!.number}`);
    }
  }
  const left = [...byId.values()].map(({ number }) => number);
  must(left.length <= attempts.filter(isUnsure).length, `12, 20: ${what} nobody asked for: ${left}`);
}

/** 16: per series from 1, without gap or double. Of a machine that went back in time both histories stand. */
function checkNumbers(world: World, { branch, orders, refunds }: Book): void {
  const isTwice = world.shops.some((shop) => shop.branch === branch && shop.forgotSinceMs !== undefined);
  const series = new Map<string, number[]>();
  for (const { number } of [...orders, ...refunds]) {
    const at = number.lastIndexOf('-');
    const known = series.get(number.slice(0, at)) ?? [];
    known.push(Number(number.slice(at + 1)));
    series.set(number.slice(0, at), known);
  }
  for (const [name, numbers] of series) {
    const sorted = isTwice ? [...new Set(numbers)] : numbers;
    sorted.sort((a, b) => a - b);
    same(
      sorted,
      sorted.map((_, at) => at + 1),
      `16: numbers of ${name} have a gap or a double`,
    );
  }
}

/** 9, 11, 12: on hand = received - sold + brought back - sent + arrived, everywhere; a transfer arrives once. */
async function checkStock(world: World, people: People, { branch, orders, refunds }: Book): Promise<void> {
  const expected = new Map(SKUS.map((sku) => [sku, 0]));
  const unsure = new Set<string>();
  type Line = { readonly sku: string; readonly quantityMilli: number };
  const add = (lines: readonly Line[], sign = 1): void => {
    for (const { sku, quantityMilli } of lines) {
      expected.set(sku, expected.get(sku)! + sign * quantityMilli);
    }
  };
  const moves = [
    ...people.movements.map((attempt) => ({ attempt, lines: attempt.request.body.lines, sign: 1 })),
    ...people.sent.map((attempt) => ({ attempt, lines: attempt.request.body.lines, sign: -1 })),
    ...arrivedOnce(people).map((attempt) => ({ attempt, lines: attempt.sent.request.body.lines, sign: 1 })),
  ];
  for (const { attempt, lines, sign } of moves.filter((move) => move.attempt.branch === branch)) {
    if (attempt.told === 'done') {
      add(lines, sign);
    } else if (isUnsure(attempt)) {
      lines.forEach(({ sku }) => {
        unsure.add(sku);
      });
    }
  }
  for (const { lines } of orders) {
    add(lines, -1);
  }
  for (const { lines } of refunds) {
    add(lines.filter(({ restock }) => restock));
  }
  for (const [sku, milli] of expected) {
    for (const node of unsure.has(sku) ? [] : [world.office, ...nodesOf(world, branch)]) {
      const level = await node.services.stock.get(sku, branch);
      must(
        level?.onHandMilli === milli,
        `9: ${sku} of ${branch} in ${node.name}: ${level?.onHandMilli}, by what was sold, moved and received ${milli}`,
      );
    }
  }
}

/** Of several who took one transfer in, one; somebody who knows that he did, if there is one. */
function arrivedOnce({ arrived }: People): People['arrived'] {
  const byTransfer = new Map<string, People['arrived'][number]>();
  for (const attempt of arrived) {
    const { id } = attempt.sent.answer!;
    const known = byTransfer.get(id);
    if (known === undefined || (known.told !== 'done' && (attempt.told === 'done' || isUnsure(attempt)))) {
      byTransfer.set(id, attempt);
    }
  }
  return [...byTransfer.values()];
}

/** 11: everybody it concerns knows of a transfer, and whether it arrived. */
async function checkTransfers(world: World, people: People): Promise<void> {
  const arrived = new Map(arrivedOnce(people).map((attempt) => [attempt.sent.answer!.id, attempt]));
  for (const { answer, branch, told, request } of people.sent) {
    if (told !== 'done') {
      continue;
    }
    const reception = arrived.get(answer!.id);
    const state = reception?.told === 'done' ? 'received' : 'in-transit';
    const nodes = [branch, request.body.to].flatMap((each) => nodesOf(world, each));
    for (const node of reception !== undefined && isUnsure(reception) ? [] : [world.office, ...nodes]) {
      const known = await node.services.stock.transfer(answer!.id);
      must(
        known?.state === state,
        `11: transfer ${request.key} is ${known?.state} in ${node.name}, not ${state}`,
      );
    }
  }
}

/** 10, 13: points everywhere are earned less redeemed, and nobody ever redeemed what was not there. */
async function checkCustomers(world: World, books: readonly Book[]): Promise<void> {
  for (const id of CUSTOMERS) {
    const isOwn = ({ customer }: Order | Refund): boolean => customer?.id === id;
    let left = 0;
    let owed = 0;
    for (const { loyalty } of books.flatMap(({ orders }) => orders.filter(isOwn))) {
      left += loyalty.earned - loyalty.redeemed;
    }
    for (const { loyalty } of books.flatMap(({ refunds }) => refunds.filter(isOwn))) {
      left += loyalty.redeemed;
      owed += loyalty.earned;
    }
    must(left >= 0 || hasForgotten(world), `10: ${id} redeemed ${-left} points that were never earned`);
    for (const node of world.nodes.filter(({ isRevoked }) => !isRevoked)) {
      const known = await node.services.customers.get(id);
      must(
        known?.points.balance === Math.max(0, left - owed),
        `13: points of ${id} in ${node.name}: ${known?.points.balance}, earned less redeemed ${left - owed}`,
      );
    }
  }
}

/** 10, 13: what is left on a gift card is what was loaded less what it paid, everywhere, and never less than nothing. */
async function checkCards(world: World, people: People, books: readonly Book[]): Promise<void> {
  for (const card of people.cards.filter(({ told }) => told === 'done')) {
    const { code, amountMinor } = card.request.body;
    const { ending } = card.answer!;
    const paid = (documents: readonly (Order | Refund)[]): number =>
      documents
        .flatMap(({ payments }) => payments)
        .filter((payment) => payment.kind === 'giftCard' && payment.ending === ending)
        .reduce((sum, payment) => sum + payment.amountMinor, 0);
    const left =
      amountMinor -
      paid(books.flatMap(({ orders }) => orders)) +
      paid(books.flatMap(({ refunds }) => refunds));
    must(left >= 0 || hasForgotten(world), `10: gift card ${ending} paid ${-left} more than was on it`);
    for (const node of world.nodes.filter(({ isRevoked }) => !isRevoked)) {
      const known = await node.services.loyalty.giftCard({ code } as never);
      must(
        known.balanceMinor === Math.max(0, left),
        `13: gift card ${ending} in ${node.name}: ${known.balanceMinor}, loaded less paid ${left}`,
      );
    }
  }
}
