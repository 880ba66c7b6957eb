/** Goods come back: the order is found by the receipt's QR code, its number or among the last sales; by line, never more than is left. */
import type { Order, OrderDetail } from '@branchline/model';
import { useEffect, useState } from 'preact/hooks';
import { moment, money, parseQuantity, quantity } from '../kit/numbers.ts';
import { offerRefund, refundableMilli } from './offers.ts';
import type { PartProps } from './signed-in-till.tsx';

const RECENT_MAX = 8;
const ONE_MILLI = 1000;

export function RefundView(part: PartProps) {
  const { till, state, words } = part;
  const [text, setText] = useState('');
  return (
    <div class="stack narrow">
      <section class="card stack" aria-label={words.refund.title}>
        <h2>{words.refund.title}</h2>
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            void till.findOrder(text);
          }}
        >
          <label for="order">{words.refund.find}</label>
          <div class="row">
            <input
              id="order"
              class="grow"
              data-key="F2"
              autocomplete="off"
              placeholder={words.refund.placeholder}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <button type="submit" class="main" disabled={text.trim() === ''}>
              {words.refund.search}
            </button>
          </div>
        </form>
      </section>
      {state.refund === undefined ? (
        <Recent {...part} />
      ) : (
        <Returning {...part} order={state.refund} key={state.refund.id} />
      )}
    </div>
  );
}

function Recent({ till, state, words, language }: PartProps) {
  const [orders, setOrders] = useState<readonly Order[]>([]);
  useEffect(() => {
    void till.recentOrders(RECENT_MAX).then(setOrders, (error: unknown) => till.refuse(error));
  }, [till, state.me]);
  return (
    <section class="card stack" aria-label={words.refund.recent}>
      <h2>{words.refund.recent}</h2>
      <ul class="plain-list">
        {orders.map((order) => (
          <li key={order.id}>
            <button
              type="button"
              class="wide"
              onClick={() => void till.openRefund(order.id).catch((error) => till.refuse(error))}
            >
              <span class="name">
                {order.number}
                <small class="quiet">
                  {moment(language, order.at)} · {order.lines.map(({ name }) => name).join(', ')}
                </small>
              </span>
              <b class="number">{money(language, order.totalMinor)}</b>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Returning({ till, state, words, language, order }: PartProps & { order: OrderDetail }) {
  const [wanted, setWanted] = useState<readonly number[]>(() => order.lines.map(() => 0));
  const [restock, setRestock] = useState(true);
  const [reason, setReason] = useState('');
  const [key, setKey] = useState<string>(() => till.client.newKey());
  const [isBusy, setBusy] = useState(false);
  const whyNot = offerRefund(order, state.me?.branch ?? '', state.isHere);
  const lefts = order.lines.map((_, at) => refundableMilli(order, at));
  const amountMinor = estimate(order, wanted);
  const set = (at: number, milli: number): void => {
    const within = Math.max(0, Math.min(milli, lefts[at]!));
    setWanted(wanted.map((value, place) => (place === at ? within : value)));
    // Another wish is another refund; the same wish repeated is the same one.
    setKey(till.client.newKey());
  };
  const give = async (): Promise<void> => {
    setBusy(true);
    try {
      const lines = wanted.flatMap((quantityMilli, line) =>
        quantityMilli === 0 ? [] : [{ line, quantityMilli }],
      );
      const { answer } = await till.client.refundOrder(
        order.id,
        { lines, restock, ...(reason.trim() === '' ? {} : { reason: reason.trim() }) },
        { key },
      );
      await till.openRefund(order.id);
      setWanted(order.lines.map(() => 0));
      setKey(till.client.newKey());
      const ways = answer.payments
        .map((payment) =>
          words.refund.way(words.receipt.kinds[payment.kind], money(language, payment.amountMinor)),
        )
        .join(', ');
      till.say(
        'well',
        (said) => `${said.refund.done(answer.number, money(language, answer.totalMinor))} ${ways}`,
      );
    } catch (error) {
      till.refuse(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="card stack" aria-label={words.refund.goods}>
      <div class="row spread">
        <div>
          <h2>{order.number}</h2>
          <p class="quiet">{words.refund.soldAt(order.branch, moment(language, order.at))}</p>
        </div>
        <button type="button" class="plain" data-key="Escape" onClick={() => till.set({ refund: undefined })}>
          {words.close}
        </button>
      </div>
      {whyNot !== undefined && <p class="note notice">{words.whyNot[whyNot]}</p>}
      <ul class="plain-list returning">
        {order.lines.map((line, at) => (
          <li key={at} class="returning-line">
            <span class="name">
              {line.name}
              <small class="quiet">
                {words.refund.sold} {quantity(language, line.quantityMilli)} ×{' '}
                {money(language, line.unitPriceMinor)} · {words.refund.left} {quantity(language, lefts[at]!)}
              </small>
            </span>
            <span class="row">
              <button
                type="button"
                class="step"
                aria-label={`${words.sale.less}: ${line.name}`}
                disabled={wanted[at] === 0}
                onClick={() => set(at, wanted[at]! - ONE_MILLI)}
              >
                −
              </button>
              <input
                class="short number"
                inputMode="decimal"
                aria-label={`${words.refund.backNow}: ${line.name}`}
                value={quantity(language, wanted[at]!)}
                disabled={lefts[at] === 0}
                onChange={(event) => {
                  set(at, parseQuantity(event.currentTarget.value) ?? 0);
                }}
              />
              <button
                type="button"
                class="step"
                aria-label={`${words.sale.more}: ${line.name}`}
                disabled={wanted[at]! >= lefts[at]!}
                onClick={() => set(at, wanted[at]! + ONE_MILLI)}
              >
                +
              </button>
            </span>
          </li>
        ))}
      </ul>
      <div class="row">
        <button
          type="button"
          disabled={lefts.every((left) => left === 0)}
          onClick={() => {
            setWanted(lefts);
            setKey(till.client.newKey());
          }}
        >
          {words.refund.all}
        </button>
        <label class="row">
          <input
            type="checkbox"
            checked={restock}
            onChange={(event) => {
              setRestock(event.currentTarget.checked);
              setKey(till.client.newKey());
            }}
          />
          {words.refund.restock}
        </label>
      </div>
      <label for="reason">{words.refund.reason}</label>
      <input
        id="reason"
        value={reason}
        maxLength={200}
        onInput={(event) => {
          setReason(event.currentTarget.value);
          setKey(till.client.newKey());
        }}
      />
      <button
        type="button"
        class="main big"
        data-key="F8"
        disabled={isBusy || whyNot === 'nodeAway' || whyNot === 'nothingLeft' || amountMinor === 0}
        onClick={() => void give()}
      >
        {amountMinor === 0 ? words.refund.nothing : words.refund.give(money(language, amountMinor))}
      </button>
      {(order.refunds ?? []).length > 0 && (
        <>
          <h3>{words.refund.earlier}</h3>
          <ul class="plain-list">
            {order.refunds!.map((refund) => (
              <li key={refund.id} class="row spread">
                <span>
                  {refund.number} · {moment(language, refund.at)}
                </span>
                <b class="number">{money(language, refund.totalMinor)}</b>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** As the node counts it: the share of what is left of a line. What is given back in the end stands in its answer. */
function estimate(order: OrderDetail, wanted: readonly number[]): number {
  return wanted.reduce((sum, milli, at) => {
    const line = order.lines[at]!;
    const left =
      order.refundable?.lines.find((row) => row.line === at) ??
      (order.refundable === undefined ? line : undefined);
    return left === undefined || left.quantityMilli === 0
      ? sum
      : sum + Math.round((left.totalMinor * milli) / left.quantityMilli);
  }, 0);
}
