/** After the sale: the change to give, what was sold, how far the fiscal receipt got, its QR code, and a page to print. */
import type { Order } from '@branchline/model';
import { useEffect, useRef, useState } from 'preact/hooks';
import { count, moment, money, quantity } from '../kit/numbers.ts';
import { troubleWords } from '../kit/register-words.ts';
import { offerPrint } from './offers.ts';
import type { PartProps } from './signed-in-till.tsx';

const LEVELS = {
  waiting: 'notice',
  printing: 'notice',
  fiscal: 'notice',
  printed: 'well',
  uncertain: 'notice',
  review: 'bad',
  failed: 'bad',
} as const;

export function ReceiptPanel({ till, state, words, language, order }: PartProps & { order: Order }) {
  const { receipt, sync } = state;
  const hasRegister = sync === undefined || sync.fiscal !== undefined;
  const next = useRef<HTMLButtonElement>(null);
  useEffect(() => next.current?.focus(), [order.id]);
  const qr = useQr(till, receipt?.qr === undefined ? undefined : receipt.id);
  const whyNotPrint = offerPrint(receipt, hasRegister);
  return (
    <section class="card receipt" aria-label={words.receipt.title}>
      <div class="row spread">
        <h2>
          {words.receipt.done} · {order.number}
        </h2>
        <span class="quiet">{moment(language, order.at)}</span>
      </div>
      {order.changeMinor > 0 && (
        <p class="total give" role="alert">
          <span>{words.receipt.change}</span>
          <b class="number">{money(language, order.changeMinor)}</b>
        </p>
      )}
      <div class="row no-print">
        <button
          ref={next}
          type="button"
          class="main big grow"
          data-key="Escape"
          onClick={() => till.nextSale()}
        >
          {words.receipt.next}
        </button>
        <button type="button" onClick={() => print()}>
          {words.receipt.print}
        </button>
        <button
          type="button"
          onClick={() => void till.openRefund(order.id).catch((error) => till.refuse(error))}
        >
          {words.receipt.refund}
        </button>
      </div>
      <div role="status" aria-live="polite" class="stack tight">
        {!hasRegister ? (
          <p class="note notice">{words.receipt.noRegister}</p>
        ) : receipt === undefined ? (
          <p class="note notice">{words.receipt.asking}</p>
        ) : (
          <>
            <p class={`note ${LEVELS[receipt.state]}`}>
              {words.receipt.states[receipt.state]}
              {receipt.state !== 'printed' &&
                receipt.reason !== undefined &&
                ` ${troubleWords(language, receipt.reason)}`}
            </p>
            <p class="quiet">{words.receipt.ofd[receipt.ofd]}</p>
          </>
        )}
      </div>
      <div class="slip">
        <table>
          <tbody>
            {order.lines.map((line, at) => (
              <tr key={at}>
                <td>{line.name}</td>
                <td class="number">
                  {quantity(language, line.quantityMilli)} × {money(language, line.unitPriceMinor)}
                </td>
                <td class="number">{money(language, line.totalMinor)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={2}>
                {words.receipt.total}
              </th>
              <td class="number">
                <b>{money(language, order.totalMinor)}</b>
              </td>
            </tr>
            {order.payments.map((payment, at) => (
              <tr key={at}>
                <th scope="row" colSpan={2}>
                  {words.receipt.kinds[payment.kind]}
                </th>
                <td class="number">{money(language, payment.amountMinor)}</td>
              </tr>
            ))}
          </tfoot>
        </table>
        {order.loyalty.earned > 0 && <p>{words.receipt.earned(count(language, order.loyalty.earned))}</p>}
        {receipt?.fp !== undefined && (
          <div class="fiscal">
            {qr !== undefined && <img src={qr} alt={words.receipt.qr} width={160} height={160} />}
            <p class="quiet">
              ФН {receipt.fn} · ФД {receipt.fd} · ФП {receipt.fp}
            </p>
          </div>
        )}
        {whyNotPrint !== undefined && <p class="print-only">{words.receipt.copy}</p>}
      </div>
    </section>
  );
}

function useQr(till: PartProps['till'], id: string | undefined): string | undefined {
  const [picture, setPicture] = useState<string | undefined>();
  useEffect(() => {
    if (id === undefined) {
      setPicture(undefined);
      return;
    }
    till.qrSvg(id).then(
      (svg) => setPicture(svg === undefined ? undefined : `data:image/svg+xml,${encodeURIComponent(svg)}`),
      () => setPicture(undefined),
    );
  }, [id, till]);
  return picture;
}
