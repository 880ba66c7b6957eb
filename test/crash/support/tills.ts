/**
 * Tills of a node that may die at any moment, and what they were told. Acknowledgements live in this process: outside of the node, outside of its disk.
 *
 * `settle` is the proof: every answer ever given is still given, word for word; every sale without an answer, asked for again three times at
 * once, has one outcome; and there are exactly as many orders as sales.
 */
import * as assert from 'uvu/assert';

export interface Order {
  readonly id: string;
  readonly number: string;
}

interface Sale {
  readonly key: string;
  readonly body: string;
  /** The text of the 201, once there was one. */
  answer?: string;
}

export class Tills {
  readonly sales: Sale[] = [];
  readonly token: string;
  readonly #name: string;
  readonly #also: object;

  /** `also` are fields of every order body, e.g. a customer. */
  constructor(token: string, name = 'sale', also: object = {}) {
    this.token = token;
    this.#name = name;
    this.#also = also;
  }

  get acknowledged(): Sale[] {
    return this.sales.filter(({ answer }) => answer !== undefined);
  }

  /** Sells `count` at a time until `total` were asked for or nobody answers; the refusals met. */
  async sell(url: string, { total, atOnce = 4 }: { total: number; atOnce?: number }): Promise<string[]> {
    const refusals: string[] = [];
    let left = total;
    const till = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const sale = this.#newSale();
        const reply = await this.#post(url, sale).catch(() => undefined);
        if (reply === undefined) {
          return;
        }
        if (reply.status === 201) {
          sale.answer = reply.text;
        } else {
          refusals.push(`${reply.status} ${reply.text}`);
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, till));
    return refusals;
  }

  /** See the header. The orders, and how many sales without an answer had been kept. */
  async settle(url: string): Promise<{ orders: Order[]; kept: number }> {
    let kept = 0;
    for (const sale of this.sales.filter(({ answer }) => answer === undefined)) {
      const replies = await Promise.all([1, 2, 3].map(() => this.#post(url, sale)));
      for (const { status, text } of replies) {
        assert.is(status, 201, text);
        assert.is(orderOf(text), orderOf(replies[0]!.text));
      }
      sale.answer = replies[0]!.text;
      kept += replies.every(({ replayed }) => replayed) ? 1 : 0;
    }
    const orders = await this.orders(url);
    const ids = new Set(orders.map(({ id }) => id));
    for (const { answer } of this.sales) {
      const { id, number } = JSON.parse(answer!) as Order;
      assert.ok(ids.has(id), `acknowledged order ${number} is lost`);
    }
    assert.is(orders.length, this.sales.length, 'orders are as many as sales');
    assert.is(
      new Set(orders.map(({ number }) => number)).size,
      orders.length,
      'no number is given out twice',
    );
    return { orders, kept };
  }

  async orders(url: string): Promise<Order[]> {
    const orders: Order[] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const from: string = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
      const page: { orders: Order[]; next?: string } = await this.get<{ orders: Order[]; next?: string }>(
        url,
        `/v1/orders?limit=100${from}`,
      );
      orders.push(...page.orders);
      after = page.next;
    }
    return orders;
  }

  async get<T>(url: string, path: string): Promise<T> {
    const reply = await fetch(`${url}${path}`, { headers: { Authorization: `Bearer ${this.token}` } });
    assert.is(reply.status, 200, path);
    return (await reply.json()) as T;
  }

  #newSale(): Sale {
    const key = `${this.#name}-${this.sales.length + 1}`;
    const lines = [
      { sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' },
    ];
    const sale: Sale = {
      key,
      body: JSON.stringify({ lines, payments: [{ kind: 'cash', amountMinor: 500 }], ...this.#also }),
    };
    this.sales.push(sale);
    return sale;
  }

  async #post(
    url: string,
    { key, body }: Sale,
  ): Promise<{ status: number; text: string; replayed: boolean }> {
    const headers = {
      Authorization: `Bearer ${this.token}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': key,
    };
    const reply = await fetch(`${url}/v1/orders`, { method: 'POST', headers, body });
    const replayed = reply.headers.get('idempotency-replayed') === 'true';
    return { status: reply.status, text: await reply.text(), replayed };
  }
}

function orderOf(text: string): string {
  return (JSON.parse(text) as Order).id;
}
