/** The shift: what it adds up to, cash in and out, the X report, and its closing with the Z report. */
import type { SettlementTotals, ShiftView as Shift } from '@branchline/model';
import { useEffect, useState } from 'preact/hooks';
import { count, moment, money, parseMoney } from '../kit/numbers.ts';
import { offerCloseShift, offerOpenShift } from './offers.ts';
import type { PartProps } from './signed-in-till.tsx';
import { useTwice } from './twice.ts';

export function ShiftView(part: PartProps) {
  const { till, state, words, language } = part;
  const { shift } = state;
  const [counted, setCounted] = useState('');
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    till.readShift().catch((error: unknown) => till.refuse(error));
  }, [till, state.isHere]);
  const act = async (work: () => Promise<unknown>): Promise<void> => {
    setBusy(true);
    try {
      await work();
      await till.readShift();
    } catch (error) {
      till.refuse(error);
    } finally {
      setBusy(false);
    }
  };
  const whyNotOpen = offerOpenShift(state);
  const whyNotClose = offerCloseShift(state);
  const countedMinor = counted.trim() === '' ? undefined : parseMoney(counted);
  const [isSure, close] = useTwice(
    () =>
      void act(async () => {
        const count = countedMinor === undefined ? {} : { countedCashMinor: countedMinor };
        await till.client.closeShift(count);
        setCounted('');
      }),
  );
  const xReport = (): void =>
    void act(async () => {
      const { printed } = await till.client.xReport();
      till.say(printed ? 'well' : 'notice', (said) => (printed ? said.shift.printed : said.shift.notPrinted));
    });
  if (shift === undefined) {
    return <p class="quiet">{state.isHere ? words.loading : words.whyNot.nodeAway}</p>;
  }
  const isOpen = shift.state === 'open';
  return (
    <div class="shift">
      <section class="card stack" aria-label={words.shift.title}>
        <h2>{isOpen || shift.id === undefined ? words.shift.title : words.shift.z}</h2>
        <p>
          {shift.id === undefined
            ? words.shift.never
            : isOpen
              ? words.shift.opened(moment(language, shift.openedAt ?? ''), shift.openedBy ?? '')
              : words.shift.closed(moment(language, shift.closedAt ?? ''))}
          {isOpen && shift.closesAt !== undefined && (
            <span class="quiet"> {words.shift.closesAt(moment(language, shift.closesAt))}</span>
          )}
        </p>
        {shift.register.state === 'expired' && <p class="note bad">{words.shift.tooLong}</p>}
        <Totals shift={shift} part={part} />
        <p class="total">
          <span>{words.shift.drawer}</span>
          <b class="number">{money(language, shift.drawerMinor)}</b>
        </p>
        {shift.countedCashMinor !== undefined && shift.countedCashMinor !== shift.drawerMinor && (
          <p class="note notice">
            {words.shift.difference(money(language, shift.countedCashMinor - shift.drawerMinor))}
          </p>
        )}
        <p class="quiet">{words.shift.registerStates[shift.register.state]}</p>
        {shift.differences.length > 0 && <p class="note bad">{words.shift.differs}</p>}
        {shift.backlog.receipts.length > 0 && (
          <p class="note notice">
            {words.shift.backlog(shift.backlog.receipts.length + shift.backlog.moreReceipts)}
          </p>
        )}
        {(shift.backlog.documentsWaiting ?? 0) > 0 && (
          <p class="quiet">{words.shift.documents(shift.backlog.documentsWaiting!)}</p>
        )}
      </section>
      <div class="stack">
        <section class="card stack" aria-label={words.shift.x}>
          {!isOpen && (
            <button
              type="button"
              class="main big"
              disabled={isBusy || whyNotOpen !== undefined}
              onClick={() => void act(() => till.client.openShift())}
            >
              {words.shift.open}
            </button>
          )}
          <button type="button" disabled={isBusy || !state.isHere || !isOpen} onClick={xReport}>
            {words.shift.xPrint}
          </button>
          {!isOpen && <p class="quiet">{words.whyNot.shiftClosed}</p>}
        </section>
        <CashMove part={part} direction="in" isBusy={isBusy} act={act} />
        <CashMove part={part} direction="out" isBusy={isBusy} act={act} />
        <section class="card stack" aria-label={words.shift.close}>
          <label for="counted">{words.shift.counted}</label>
          <input
            id="counted"
            class="number"
            inputMode="decimal"
            autocomplete="off"
            placeholder={money(language, shift.drawerMinor)}
            value={counted}
            onInput={(event) => setCounted(event.currentTarget.value)}
          />
          {whyNotClose !== undefined && <p class="quiet">{words.whyNot[whyNotClose]}</p>}
          <button
            type="button"
            class="danger big"
            disabled={
              isBusy || whyNotClose !== undefined || (counted.trim() !== '' && countedMinor === undefined)
            }
            onClick={close}
          >
            {isSure ? words.shift.closeSure : words.shift.close}
          </button>
        </section>
      </div>
    </div>
  );
}

interface CashMoveProps {
  readonly part: PartProps;
  readonly direction: 'in' | 'out';
  readonly isBusy: boolean;
  readonly act: (work: () => Promise<unknown>) => Promise<void>;
}

function CashMove({ part: { till, state, words }, direction, isBusy, act }: CashMoveProps) {
  const [text, setText] = useState('');
  const [reason, setReason] = useState('');
  const amountMinor = parseMoney(text) ?? 0;
  const title = direction === 'in' ? words.shift.cashIn : words.shift.cashOut;
  const id = `cash-${direction}`;
  return (
    <form
      class="card stack tight"
      aria-label={title}
      onSubmit={(event) => {
        event.preventDefault();
        void act(async () => {
          const why = reason.trim() === '' ? {} : { reason: reason.trim() };
          await till.client.moveCash(direction, { amountMinor, ...why });
          setText('');
          setReason('');
        });
      }}
    >
      <label for={id}>{title}</label>
      <div class="row">
        <input
          id={id}
          class="short number"
          inputMode="decimal"
          autocomplete="off"
          placeholder={words.shift.amount}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <input
          class="grow"
          aria-label={`${title}: ${words.shift.reason}`}
          placeholder={words.shift.reason}
          maxLength={200}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
        <button type="submit" disabled={isBusy || amountMinor === 0 || !state.isHere} aria-label={title}>
          {direction === 'in' ? '+' : '−'}
        </button>
      </div>
    </form>
  );
}

function Totals({ shift, part: { words, language } }: { shift: Shift; part: PartProps }) {
  const { sales, refunds } = shift.totals;
  const rows: readonly (readonly [string, (totals: SettlementTotals) => string])[] = [
    [words.shift.count, (totals) => count(language, totals.count)],
    [words.shift.total, (totals) => money(language, totals.totalMinor)],
    [words.shift.cash, (totals) => money(language, totals.cashMinor)],
    [words.shift.card, (totals) => money(language, totals.cardMinor)],
    [words.shift.other, (totals) => money(language, totals.otherMinor)],
  ];
  const rates = [...new Set([...sales.vat, ...refunds.vat].map(({ vat }) => vat))];
  const taxOf = (totals: SettlementTotals, rate: string): string =>
    money(language, totals.vat.find(({ vat }) => vat === rate)?.vatMinor ?? 0);
  return (
    <table>
      <thead>
        <tr>
          <td />
          <th scope="col" class="number">
            {words.shift.sales}
          </th>
          <th scope="col" class="number">
            {words.shift.refunds}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, figure]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="number">{figure(sales)}</td>
            <td class="number">{figure(refunds)}</td>
          </tr>
        ))}
        {rates.map((rate) => (
          <tr key={rate}>
            <th scope="row">
              {words.shift.vat} {rate.replace(/^vat/, '').replace('_', '/')}
              {/^vat\d+$/.test(rate) ? ' %' : ''}
            </th>
            <td class="number">{taxOf(sales, rate)}</td>
            <td class="number">{taxOf(refunds, rate)}</td>
          </tr>
        ))}
        {shift.tills.length > 1 &&
          shift.tills.map(({ till, totals }) => (
            <tr key={till}>
              <th scope="row">
                {words.shift.till} {till}
              </th>
              <td class="number">{money(language, totals.sales.totalMinor)}</td>
              <td class="number">{money(language, totals.refunds.totalMinor)}</td>
            </tr>
          ))}
        <tr>
          <th scope="row">{words.shift.cashIn}</th>
          <td class="number" colSpan={2}>
            {money(language, shift.totals.cashInMinor)}
          </td>
        </tr>
        <tr>
          <th scope="row">{words.shift.cashOut}</th>
          <td class="number" colSpan={2}>
            {money(language, shift.totals.cashOutMinor)}
          </td>
        </tr>
      </tbody>
    </table>
  );
}
