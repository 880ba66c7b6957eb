/** The cart: its lines, the one that is selected open to be changed, the total, and the way to the payment. */
import { CODE_CHARS_MAX } from '@branchline/model';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { money, parseMoney, parseQuantity, quantity } from '../kit/numbers.ts';
import {
  type Cart,
  type CartLine,
  lineGross,
  lineTotal,
  removeLine,
  selectLine,
  setCustomer,
  setDiscount,
  setMarks,
  setQuantity,
  totalsOf,
} from './cart.ts';
import { offerPay } from './offers.ts';
import type { Aside } from './sale-view.tsx';
import type { PartProps } from './signed-in-till.tsx';
import { useTwice } from './twice.ts';

const ONE_MILLI = 1000;

export function CartPanel(part: PartProps & { onAside: (aside: Aside) => void }) {
  const { till, state, language, words, onAside } = part;
  const { cart } = state;
  const totals = totalsOf(cart);
  const whyNot = offerPay(state);
  const [isSure, clear] = useTwice(() => till.emptyCart());
  const lines = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // What was scanned last is in sight, however long the cart is.
    lines.current?.querySelector('.selected')?.scrollIntoView({ block: 'nearest' });
  }, [cart.lines, cart.selected]);
  const pay = (): void => {
    if (whyNot === undefined) {
      till.set({ isPaying: true, notice: undefined });
    }
  };
  return (
    <section class="cart card" aria-label={words.sale.cart}>
      <div class="row spread">
        <h2>{words.sale.cart}</h2>
        <div class="row">
          {cart.customer === undefined ? (
            <button type="button" data-key="F4" onClick={() => onAside({ what: 'customer' })}>
              {words.customer.add}
            </button>
          ) : (
            <button
              type="button"
              data-key="F4"
              aria-label={`${words.customer.title}: ${cart.customer.name}`}
              onClick={() => onAside({ what: 'customer' })}
            >
              {cart.customer.name}
            </button>
          )}
          {cart.lines.length > 0 && (
            <button type="button" class="plain danger" onClick={clear}>
              {isSure ? words.sale.clearSure : words.sale.clear}
            </button>
          )}
        </div>
      </div>
      {cart.lines.length === 0 && <p class="quiet">{words.sale.empty}</p>}
      <ol class="lines" ref={lines}>
        {cart.lines.map((line, at) => (
          <li key={`${at} ${line.sku}`} class={at === cart.selected ? 'line selected' : 'line'}>
            <button
              type="button"
              class="line-head"
              aria-pressed={at === cart.selected}
              onClick={() => till.setCart(selectLine(cart, at))}
            >
              <span class="name">{line.name}</span>
              <span class="number quiet">
                {quantity(language, line.quantityMilli)} × {money(language, line.unitPriceMinor)}
                {line.discountMinor > 0 && ` − ${money(language, line.discountMinor)}`}
                {(line.promotionMinor ?? 0) > 0 &&
                  ` · ${words.sale.promotion(money(language, line.promotionMinor!))}`}
                {line.markingCode !== undefined && ` · ${words.sale.marked}`}
                {line.lot !== undefined && ` · ${line.lot}`}
                {line.serials !== undefined && ` · ${line.serials.join(', ')}`}
              </span>
              <b class="number">{money(language, lineTotal(line))}</b>
            </button>
            {at === cart.selected && <LineEditor {...part} line={line} key={line.sku} />}
          </li>
        ))}
      </ol>
      {cart.customer !== undefined && (
        <p class="row spread quiet">
          <span>
            {words.customer.points(String(cart.customer.balance), String(cart.customer.spendableHere))}
          </span>
          <button type="button" class="plain" onClick={() => till.setCart(setCustomer(cart, undefined))}>
            {words.customer.remove}
          </button>
        </p>
      )}
      <div class="foot">
        {totals.couponMinor > 0 && (
          <p class="row spread">
            <span>{words.sale.coupons}</span>
            <span class="number">− {money(language, totals.couponMinor)}</span>
          </p>
        )}
        <p class="total" aria-live="polite">
          <span>{words.sale.total}</span>
          <b class="number">{money(language, totals.totalMinor)}</b>
        </p>
        {whyNot !== undefined && whyNot !== 'cartEmpty' && <p class="quiet">{words.whyNot[whyNot]}</p>}
        <button type="button" class="main big" data-key="F8" disabled={whyNot !== undefined} onClick={pay}>
          {words.sale.pay}
        </button>
      </div>
    </section>
  );
}

function LineEditor({
  till,
  state,
  language,
  words,
  line,
  onAside,
}: PartProps & { line: CartLine; onAside: (aside: Aside) => void }) {
  const { cart } = state;
  const step = (milli: number): void => till.setCart(setQuantity(cart, line.quantityMilli + milli));
  const keepDiscount = (text: string): void => {
    const percent = /^\s*(\d{1,3})\s*%\s*$/.exec(text)?.[1];
    const minor =
      percent === undefined
        ? parseMoney(text || '0')
        : Math.round((lineGross(line) * Math.min(100, Number(percent))) / 100);
    if (minor !== undefined) {
      till.setCart(setDiscount(cart, minor));
    }
  };
  return (
    <div class="editor">
      <div class="row">
        <button type="button" class="step" aria-label={words.sale.less} onClick={() => step(-ONE_MILLI)}>
          −
        </button>
        <TypedInput
          class="short number"
          inputMode="decimal"
          label={words.sale.quantity}
          kept={quantity(language, line.quantityMilli)}
          onKeep={(text) => {
            const milli = parseQuantity(text);
            if (milli !== undefined) {
              till.setCart(setQuantity(cart, milli));
            }
          }}
        />
        <button type="button" class="step" aria-label={words.sale.more} onClick={() => step(ONE_MILLI)}>
          +
        </button>
      </div>
      <TypedInput
        caption={words.sale.discount}
        class="short number"
        inputMode="text"
        placeholder="10%"
        title={words.sale.discountHint}
        kept={line.discountMinor === 0 ? '' : String(line.discountMinor / 100)}
        onKeep={keepDiscount}
      />
      {line.markingCode === undefined && <Marks till={till} cart={cart} words={words} line={line} />}
      <button
        type="button"
        class="plain"
        onClick={() => onAside({ what: 'stock', sku: line.sku, name: line.name })}
      >
        {words.sale.stock}
      </button>
      <button type="button" class="plain danger" onClick={() => till.setCart(removeLine(cart))}>
        {words.sale.remove}
      </button>
    </div>
  );
}

/** Few goods have them: folded away until somebody asks, or they are there. */
function Marks({
  till,
  cart,
  words,
  line,
}: Pick<PartProps, 'till' | 'words'> & { cart: Cart; line: CartLine }) {
  const { lot = '', serials = [] } = line;
  return (
    <details open={lot !== '' || serials.length > 0}>
      <summary>{words.sale.marks}</summary>
      <TypedInput
        caption={words.sale.lot}
        class="short"
        maxLength={CODE_CHARS_MAX}
        kept={lot}
        onKeep={(text) => till.setCart(setMarks(cart, { lot: text.trim(), serials }))}
      />
      <TypedInput
        caption={words.sale.serials}
        kept={serials.join(' ')}
        onKeep={(text) =>
          till.setCart(setMarks(cart, { lot, serials: text.split(/[\s,;]+/).filter(Boolean) }))
        }
      />
    </details>
  );
}

interface TypedInputProps {
  readonly class?: string;
  readonly inputMode?: 'decimal' | 'text';
  readonly placeholder?: string;
  readonly title?: string;
  readonly maxLength?: number;
  readonly label?: string;
  /** Shown before it. */
  readonly caption?: string;
  readonly kept: string;
  readonly onKeep: (text: string) => void;
}

/** What is being typed stays until it is kept, however often the page is drawn meanwhile. */
function TypedInput({ kept, onKeep, label, caption, ...rest }: TypedInputProps) {
  const [typed, setTyped] = useState<string | undefined>();
  const id = useId();
  const field = (
    <input
      {...rest}
      id={id}
      autocomplete="off"
      {...(label === undefined ? {} : { 'aria-label': label })}
      value={typed ?? kept}
      // A scan heard in this field is taken out of it again: then nothing was typed.
      onInput={({ currentTarget: { value } }) => setTyped(value === kept ? undefined : value)}
      onBlur={() => setTyped(undefined)}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setTyped(undefined);
        onKeep(text);
      }}
    />
  );
  return caption === undefined ? (
    field
  ) : (
    <span class="row">
      <label for={id}>{caption}</label>
      {field}
    </span>
  );
}
