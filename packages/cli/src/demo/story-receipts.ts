/**
 * Receipts in the outage story: printed while the shops are cut off, delivered to the operator when the link is back.
 *
 *     before the cut   what is registered reaches the operator by itself
 *     cut off          registers go on printing; one sale is given back; the operator gets nothing
 *     afterwards       the operator has every document of each storage once, in order, and head office knows each receipt
 *
 * What is checked is not what the nodes say of themselves but what storages and operator have, asked from the emulators' control
 * surface: every order has exactly one document, and no document is without an order.
 */
import type { Clock } from 'hlc-ts';
import type { Chain, Shop } from './chain.ts';
import type { Checks } from './checks.ts';
import type { Program } from './program.ts';

const POLL_MS = 200;
/** Printing takes a part of a second each, and all are wanted on paper before the link returns. */
const PRINT_DEADLINE_MS = 90_000;
/** The operator is tried again within half a minute of the link's return. */
const DELIVER_DEADLINE_MS = 90_000;
const CONTROL_TIMEOUT_MS = 10_000;
const PAGE_ROWS = 500;
/** Forms of a receipt: the documents that belong to an order or a refund. */
const RECEIPT_FORM = 3;

interface Settled {
  readonly id: string;
  readonly number: string;
  readonly totalMinor: number;
  readonly receipt: { readonly id: string };
}

interface StoredDocument {
  readonly fd: number;
  readonly form: number;
  readonly settlement?: string;
  readonly totalMinor?: number;
  /** Id of the receipt. */
  readonly mark?: string;
  readonly isAcknowledged: boolean;
}

interface Register {
  readonly fn: string;
  readonly documents: readonly StoredDocument[];
}

interface Receipt {
  readonly state: string;
  readonly fd?: number;
  readonly ofd: string;
}

export interface ReceiptFigures {
  /** Documents registered while the shops were cut off: receipts, and the shift where it was opened then. */
  readonly printed: number;
  /** Receipts in the storages by then, those from before the cut included. */
  readonly receipts: number;
  /** Documents the operator has. */
  readonly delivered: number;
  /** From the link's return to the last of them. */
  readonly deliveredAfterMs: number;
}

export interface ReceiptsStoryOptions {
  readonly chain: Chain;
  readonly checks: Checks;
  readonly clock: Clock;
  readonly telling: string;
}

export class ReceiptsStory {
  readonly #options: ReceiptsStoryOptions;
  readonly #refunds = new Map<string, Settled>();
  /** Last document of each shop at the cut. */
  readonly #lastAtCut = new Map<string, number>();

  constructor(options: ReceiptsStoryOptions) {
    this.#options = options;
  }

  /** Called while everything is connected. */
  async before(): Promise<void> {
    const { checks } = this.#options;
    const isOver = await this.#until(DELIVER_DEADLINE_MS, () => this.#isDelivered());
    const count = (await this.#ledger()).length;
    checks.expect(
      'receipts reach the operator while there is a link',
      isOver && count > 0,
      `${count} documents`,
    );
  }

  /** Called when the link has just been cut. */
  async cut(): Promise<void> {
    for (const shop of this.#options.chain.shops) {
      this.#lastAtCut.set(shop.branch, (await this.#register(shop)).documents.length);
    }
  }

  /** Called while both shops are cut off: an order of the shop is given back, all of it. */
  async refund(shop: Shop, order: { readonly id: string }): Promise<void> {
    const { telling } = this.#options;
    const path = `/v1/orders/${order.id}/refunds`;
    this.#refunds.set(shop.branch, await shop.tills[0].post<Settled>(path, {}, `${telling}-refund`));
  }

  /** Called before the link returns: everything is on paper, and nothing has left. */
  async printed(): Promise<Pick<ReceiptFigures, 'printed' | 'receipts'>> {
    const { chain, checks } = this.#options;
    let printed = 0;
    let receipts = 0;
    const ledger = await this.#ledger();
    for (const shop of chain.shops) {
      const orders = await allOrders(shop);
      const refund = this.#refunds.get(shop.branch);
      const wanted = [...orders, ...(refund === undefined ? [] : [refund])];
      await this.#until(PRINT_DEADLINE_MS, () => isPrinted(shop, wanted));
      const { fn, documents } = await this.#register(shop);
      const since = documents.length - (this.#lastAtCut.get(shop.branch) ?? 0);
      printed += since;
      receipts += documents.filter(({ form }) => form === RECEIPT_FORM).length;
      const wrong = firstMismatch(orders, documents, 'sale');
      checks.expect(
        `every order of ${shop.branch} has exactly one fiscal document, cut off`,
        wrong === undefined,
        wrong ?? `${orders.length} orders, ${since} documents since the cut`,
      );
      const gap = documents.findIndex(({ fd }, at) => fd !== at + 1);
      checks.expect(
        `documents of ${shop.branch} are numbered one by one`,
        gap === -1,
        gap === -1 ? `1 to ${documents.length}` : `expected ${gap + 1}, found ${documents[gap]!.fd}`,
      );
      if (refund !== undefined) {
        const given = documents.filter(({ mark }) => mark === refund.receipt.id);
        const isRight = given.length === 1 && given[0]!.settlement === 'sale-return';
        checks.expect(
          `the refund of ${shop.branch} has one refund document`,
          isRight && given[0]!.totalMinor === refund.totalMinor,
          `${given.length} of ${((given[0]?.totalMinor ?? 0) / 100).toFixed(2)} for ${refund.number}`,
        );
      }
      const late = (await this.#ledger()).filter(
        (entry) => entry.fn === fn && entry.fd > (this.#lastAtCut.get(shop.branch) ?? 0),
      );
      checks.expect(
        `the operator got nothing of ${shop.branch} meanwhile`,
        late.length === 0 && since > 0,
        `${late.length} of ${since} documents`,
      );
    }
    const arrived = (await this.#ledger()).length - ledger.length;
    checks.expect('nothing reached the operator over a cut link', arrived === 0, `${arrived} documents`);
    return { printed, receipts };
  }

  /** Called with the moment the link returned. */
  async delivered(restoredMs: number): Promise<Pick<ReceiptFigures, 'delivered' | 'deliveredAfterMs'>> {
    const { chain, checks, clock } = this.#options;
    await this.#until(DELIVER_DEADLINE_MS, () => this.#isDelivered());
    const deliveredAfterMs = clock.monotonicMs() - restoredMs;
    const ledger = await this.#ledger();
    for (const shop of chain.shops) {
      const { fn, documents } = await this.#register(shop);
      const fds = ledger.filter((entry) => entry.fn === fn).map(({ fd }) => fd);
      const first = fds[0] ?? 1;
      const isWhole = fds.length === documents.length - first + 1;
      const isInOrder = fds.every((fd, at) => fd === first + at);
      const isKnown = documents.every(({ isAcknowledged }) => isAcknowledged);
      checks.expect(
        `the operator has every document of ${shop.branch} once, in order`,
        isWhole && isInOrder && isKnown,
        `${first} to ${fds.at(-1)} of storage ${fn}`,
      );
    }
    return { delivered: ledger.length, deliveredAfterMs };
  }

  /** Called when the feeds are level: every receipt reads the same in its shop and at head office. */
  async compare(): Promise<void> {
    const { chain, checks } = this.#options;
    for (const shop of chain.shops) {
      const orders = await allOrders(shop);
      const refund = this.#refunds.get(shop.branch);
      const wanted = [...orders, ...(refund === undefined ? [] : [refund])];
      const read = async ({ api }: Shop): Promise<Map<string, string>> => {
        const receipts = new Map<string, string>();
        for (const { receipt, number } of wanted) {
          const { state, fd, ofd } = await api.get<Receipt>(`/v1/receipts/${receipt.id}`);
          receipts.set(number, `${state} ${fd} ${ofd}`);
        }
        return receipts;
      };
      const here = await read(shop);
      const unfinished = [...here].find(([, text]) => !/^printed \d+ delivered$/.test(text));
      checks.expect(
        `every receipt of ${shop.branch} is printed and delivered`,
        unfinished === undefined,
        unfinished?.join(': ') ?? `${here.size} receipts`,
      );
      checks.expectEqual(`receipts of ${shop.branch}: shop and HQ`, here, await read(chain.hq));
    }
  }

  /** Storages have nothing left, and the nodes have written that down. */
  async #isDelivered(): Promise<boolean> {
    for (const shop of this.#options.chain.shops) {
      const { undelivered } = await readControl<{ undelivered: number }>(registerOf(shop), 'state');
      const { totals } = await shop.api.get<{ totals: { pending: number } }>('/v1/outbox');
      if (totals.pending > 0 || undelivered > 0) {
        return false;
      }
    }
    return true;
  }

  async #register(shop: Shop): Promise<Register> {
    const kkt = registerOf(shop);
    const { fn } = await readControl<{ fn: string }>(kkt, 'state');
    return { fn, documents: await readControl<StoredDocument[]>(kkt, 'documents') };
  }

  async #ledger(): Promise<{ readonly fn: string; readonly fd: number }[]> {
    return await readControl(this.#options.chain.ofd, 'ledger');
  }

  async #until(deadlineMs: number, holds: () => Promise<boolean>): Promise<boolean> {
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + deadlineMs;
    while (!(await holds())) {
      if (clock.monotonicMs() >= deadline) {
        return false;
      }
      await clock.sleep(POLL_MS);
    }
    return true;
  }
}

function registerOf({ kkt, branch }: Shop): Program {
  if (kkt === undefined) {
    throw new Error(`${branch} has no register`);
  }
  return kkt;
}

/** What the emulator shows of itself, beside the protocol it speaks. */
async function readControl<Shown>({ said, name }: Program, what: string): Promise<Shown> {
  const response = await fetch(`${said.controlUrl}/${what}`, {
    signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
  });
  if (!response.ok) {
    throw new Error(`${name} does not show its ${what}: ${response.status}`);
  }
  return (await response.json()) as Shown;
}

async function allOrders({ api, branch }: Shop): Promise<Settled[]> {
  const orders: Settled[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const from = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
    const path = `/v1/orders?branch=${branch}&limit=${PAGE_ROWS}${from}`;
    const page: { orders: Settled[]; next?: string } = await api.get(path);
    orders.push(...page.orders);
    after = page.next;
  }
  return orders;
}

/** Receipts are registered oldest first: when the last is on paper, all are. */
async function isPrinted({ api }: Shop, settled: readonly Settled[]): Promise<boolean> {
  for (const { receipt } of [...settled].reverse()) {
    const { state } = await api.get<Receipt>(`/v1/receipts/${receipt.id}`);
    if (state !== 'printed') {
      return false;
    }
  }
  return true;
}

/** In words, the first order without its document, with a second one, or of another sum; or a sale nobody made. */
function firstMismatch(
  orders: readonly Settled[],
  documents: readonly StoredDocument[],
  settlement: string,
): string | undefined {
  const byMark = new Map<string, StoredDocument[]>();
  for (const document of documents) {
    if (document.form === RECEIPT_FORM && document.settlement === settlement) {
      const mark = document.mark ?? '';
      byMark.set(mark, [...(byMark.get(mark) ?? []), document]);
    }
  }
  for (const { number, totalMinor, receipt } of orders) {
    const found = byMark.get(receipt.id) ?? [];
    if (found.length !== 1) {
      return `${found.length} documents for ${number}`;
    }
    if (found[0]!.totalMinor !== totalMinor) {
      return `${number} is ${totalMinor}, document ${found[0]!.fd} says ${found[0]!.totalMinor}`;
    }
  }
  return byMark.size === orders.length ? undefined : `${byMark.size} sales for ${orders.length} orders`;
}
