/** Taking the money: what is due, cash with its change, card, gift cards, points; then waiting for the node, in words. */
import type { RedeemQuote } from '@branchline/model';
import { useEffect, useRef, useState } from 'preact/hooks';
import { count, duration, money, parseMoney } from '../kit/numbers.ts';
import { problemWords } from '../kit/problem-words.ts';
import {
  addCoupon,
  addGiftCard,
  orderOf,
  quickAmounts,
  removeCoupon,
  removeGiftCard,
  setPoints,
  totalsOf,
} from './cart.ts';
import { couponWhyNot, couponWords } from './coupon.ts';
import { offerGiftCard, offerPay, offerPoints } from './offers.ts';
import type { Payment } from './payment.ts';
import type { PartProps } from './signed-in-till.tsx';

export function PaymentPanel(part: PartProps) {
  const { till, state, words, language } = part;
  const { payment } = state;
  if (payment.step === 'sending' || payment.step === 'doubt') {
    return <UnderWay {...part} payment={payment} />;
  }
  if (payment.step === 'refused') {
    return (
      <section class="card stack" aria-label={words.pay.title}>
        <div role="alert" class="note bad stack">
          <b>{words.pay.refused}</b>
          <p>{problemWords(language, payment.code, payment.detail)}</p>
        </div>
        <p class="total">
          <span>{words.pay.due}</span>
          <b class="number">{money(language, totalsOf(state.cart).totalMinor)}</b>
        </p>
        <button type="button" class="main big" data-key="Escape" onClick={() => till.editCart()}>
          {words.pay.edit}
        </button>
      </section>
    );
  }
  return <Tender {...part} />;
}

function UnderWay({
  state,
  words,
  language,
  payment,
}: PartProps & { payment: Extract<Payment, { key: string }> }) {
  const isDoubt = payment.step === 'doubt';
  return (
    <section class="card stack" aria-label={words.pay.title}>
      <p class="total">
        <span>{words.pay.due}</span>
        <b class="number">{money(language, totalsOf(state.cart).totalMinor)}</b>
      </p>
      <div role="alert" class={isDoubt ? 'note bad stack' : 'note notice stack'}>
        {isDoubt ? (
          <>
            <b>{words.pay.doubtTitle}</b>
            <p>{words.pay.doubt}</p>
          </>
        ) : (
          <b>{words.pay.sending}</b>
        )}
      </div>
      {isDoubt && (
        <p class="quiet">{words.pay.doubtSince(duration(language, state.nowMs - payment.sinceMs))}</p>
      )}
    </section>
  );
}

function Tender(part: PartProps) {
  const { till, state, words, language } = part;
  const { cart } = state;
  const totals = totalsOf(cart);
  const { dueMinor } = totals;
  const [text, setText] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const whyNot = offerPay(state);
  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) {
      field.current?.focus();
    }
  }, []);
  const typedMinor = text.trim() === '' ? undefined : parseMoney(text);
  const cashMinor = typedMinor ?? 0;
  const missingMinor = dueMinor - cashMinor;
  const isWrong = text.trim() !== '' && typedMinor === undefined;
  // Nothing typed means the exact sum.
  const payCash = (minor: number): Promise<void> => till.pay({ cashMinor: minor, cardMinor: 0 });
  const payCard = (): Promise<void> =>
    till.pay({ cashMinor: Math.min(cashMinor, dueMinor), cardMinor: Math.max(0, missingMinor) });
  const canPayCash = whyNot === undefined && !isWrong && (text.trim() === '' || missingMinor <= 0);
  const canPayCard = whyNot === undefined && !isWrong && missingMinor > 0;
  return (
    <section class="card payment" aria-label={words.pay.title}>
      <div class="row spread">
        <h2>{words.pay.title}</h2>
        <button type="button" class="plain" data-key="Escape" onClick={() => till.set({ isPaying: false })}>
          {words.back}
        </button>
      </div>
      <p class="total">
        <span>{words.pay.due}</span>
        <b class="number">{money(language, dueMinor)}</b>
      </p>
      {dueMinor > 0 ? (
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (canPayCash) {
              void payCash(text.trim() === '' ? dueMinor : cashMinor);
            }
          }}
        >
          <label for="cash">{words.pay.received}</label>
          <input
            id="cash"
            ref={field}
            data-key="F8"
            class="number big"
            inputMode="decimal"
            autocomplete="off"
            placeholder={money(language, dueMinor)}
            aria-describedby="change"
            aria-invalid={isWrong}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <fieldset class="row" aria-label={words.pay.quick}>
            {quickAmounts(dueMinor).map((amount) => (
              <button
                key={amount}
                type="button"
                aria-pressed={cashMinor === amount}
                onClick={() => setText(String(amount / 100))}
              >
                {amount === dueMinor ? words.pay.exact : money(language, amount)}
              </button>
            ))}
          </fieldset>
          <p id="change" class="change" aria-live="polite">
            {cashMinor > 0 && missingMinor > 0 ? (
              <span>{words.pay.short(money(language, missingMinor))}</span>
            ) : (
              <>
                <span>{words.pay.change}</span>
                <b class="number">{money(language, Math.max(0, -missingMinor))}</b>
              </>
            )}
          </p>
          <div class="two">
            <button type="submit" class="main big" disabled={!canPayCash}>
              {words.pay.cash}
            </button>
            <button
              type="button"
              class="main big"
              data-key="F9"
              disabled={!canPayCard}
              onClick={() => void payCard()}
            >
              {cashMinor > 0 && missingMinor > 0
                ? words.pay.cardRest(money(language, missingMinor))
                : words.pay.card}
            </button>
          </div>
          {whyNot !== undefined && <p class="note notice">{words.whyNot[whyNot]}</p>}
        </form>
      ) : (
        <button
          type="button"
          class="main big"
          data-key="F8"
          disabled={whyNot !== undefined}
          onClick={() => void till.pay({ cashMinor: 0, cardMinor: 0 })}
        >
          {words.pay.nothingDue}
        </button>
      )}
      <Points {...part} />
      <Vouchers {...part} />
    </section>
  );
}

function Points({ till, state, words, language }: PartProps) {
  const { cart } = state;
  const whyNot = offerPoints(state);
  const [quote, setQuote] = useState<RedeemQuote | undefined>();
  const ask = async (): Promise<void> => {
    try {
      const lines = orderOf(cart, { cashMinor: 0, cardMinor: 0 }, undefined).lines;
      const answer = await till.client.redeemQuote(cart.customer!.id, { lines });
      setQuote(answer);
      if (answer.maxPoints > 0) {
        till.setCart(setPoints(cart, answer.maxPoints, answer.maxMinor));
      }
    } catch (error) {
      till.refuse(error);
    }
  };
  if (cart.customer === undefined) {
    return (
      <p class="quiet">
        {words.customer.usePoints}: {words.whyNot.noCustomer}
      </p>
    );
  }
  return (
    <div class="stack tight">
      <div class="row spread">
        <span>
          {cart.points > 0
            ? words.customer.pointsUsed(count(language, cart.points), money(language, cart.pointsMinor))
            : words.customer.points(
                count(language, cart.customer.balance),
                count(language, cart.customer.spendableHere),
              )}
        </span>
        {cart.points > 0 ? (
          <button type="button" onClick={() => till.setCart(setPoints(cart, 0, 0))}>
            {words.customer.dropPoints}
          </button>
        ) : (
          <button type="button" disabled={whyNot !== undefined} onClick={() => void ask()}>
            {words.customer.usePoints}
          </button>
        )}
      </div>
      <p class="quiet" role="status">
        {whyNot !== undefined
          ? words.whyNot[whyNot]
          : quote !== undefined &&
            `${cart.points > 0 ? '' : `${words.customer.quote(count(language, quote.maxPoints), money(language, quote.maxMinor))} `}${words.customer.limits[quote.limit]}${quote.asked ? ` ${words.customer.asked}` : ''}`}
      </p>
    </div>
  );
}

/** One field for both: who stands at the till does not know which of the two he was handed. */
function Vouchers({ till, state, words, language }: PartProps) {
  const { cart } = state;
  const [code, setCode] = useState('');
  const whyNot = offerGiftCard(state);
  const useCoupon = async (typed: string): Promise<void> => {
    const coupon = await till.client.coupon(typed);
    const why = couponWhyNot(coupon, { cart, branch: state.me?.branch, nowMs: state.nowMs });
    if (why === undefined) {
      till.set({ notice: undefined });
      till.setCart(addCoupon(till.state.cart, { code: typed, ending: coupon.ending }));
    } else {
      till.say('notice', (said) => couponWords(coupon, why, said, language));
    }
  };
  const use = async (): Promise<void> => {
    const typed = code.trim();
    try {
      const card = await till.client.giftCard(typed).catch(unlessUnknown);
      if (card === undefined) {
        await useCoupon(typed);
      } else if (card.spendableHereMinor === 0) {
        till.say('notice', (said) => (card.balanceMinor > 0 ? said.pay.giftAsked : said.pay.giftNothing));
        return;
      } else {
        till.set({ notice: undefined });
        till.setCart(
          addGiftCard(till.state.cart, {
            code: typed,
            ending: card.ending,
            spendableMinor: card.spendableHereMinor,
          }),
        );
      }
      setCode('');
    } catch (error) {
      if (isUnknown(error)) {
        till.say('bad', (said) => said.pay.voucherUnknown);
      } else {
        till.refuse(error);
      }
    }
  };
  return (
    <div class="stack tight">
      {cart.giftCards.map((card) => (
        <div key={card.code} class="row spread">
          <span>{words.pay.giftPays(card.ending, money(language, card.spendableMinor))}</span>
          <button type="button" onClick={() => till.setCart(removeGiftCard(cart, card.code))}>
            {words.customer.remove}
          </button>
        </div>
      ))}
      {cart.coupons.map((coupon) => (
        <div key={coupon.code} class="row spread">
          <span>{words.pay.coupon(coupon.ending)}</span>
          <button type="button" onClick={() => till.setCart(removeCoupon(cart, coupon.code))}>
            {words.customer.remove}
          </button>
        </div>
      ))}
      <form
        class="row voucher"
        onSubmit={(event) => {
          event.preventDefault();
          void use();
        }}
      >
        <label for="gift">{words.pay.giftCard}</label>
        <input
          id="gift"
          class="grow"
          autocomplete="off"
          placeholder={words.pay.giftCode}
          disabled={whyNot !== undefined}
          value={code}
          onInput={(event) => setCode(event.currentTarget.value)}
        />
        <button type="submit" disabled={whyNot !== undefined || code.trim() === ''}>
          {words.pay.giftAdd}
        </button>
      </form>
    </div>
  );
}

function isUnknown(error: unknown): boolean {
  const { code } = error as { code?: string };
  // A text that can be the code of neither is of nothing, too.
  return code === 'GIFT_CARD_UNKNOWN' || code === 'COUPON_UNKNOWN' || code === 'INVALID_REQUEST';
}

function unlessUnknown(error: unknown): undefined {
  if (!isUnknown(error)) {
    throw error;
  }
}
