/** Selling: search and results on one side, the cart on the other; the payment and the receipt take the cart's place. */
import type { Product } from '@branchline/model';
import { useEffect, useRef, useState } from 'preact/hooks';
import { money } from '../kit/numbers.ts';
import { removeLine, selectLine, setQuantity } from './cart.ts';
import { CartPanel } from './cart-panel.tsx';
import { CustomerPanel } from './customer-panel.tsx';
import { offerGoods } from './offers.ts';
import { isUnderWay } from './payment.ts';
import { PaymentPanel } from './payment-panel.tsx';
import { ReceiptPanel } from './receipt-panel.tsx';
import { timesOf } from './scanner.ts';
import type { PartProps } from './signed-in-till.tsx';
import { StockPanel } from './stock-panel.tsx';

const TYPING_PAUSE_MS = 80;
const RESULTS_MAX = 20;
const ONE_MILLI = 1000;

export type Aside =
  | { readonly what: 'customer' }
  | { readonly what: 'stock'; readonly sku: string; readonly name: string };

export function SaleView(part: PartProps) {
  const { state } = part;
  const [aside, setAside] = useState<Aside | undefined>();
  const { payment } = state;
  const takesPayment = state.isPaying || isUnderWay(payment) || payment.step === 'refused';
  return (
    <div class="sale">
      <div class="stack left">
        <SearchPanel {...part} onStock={(product) => setAside({ what: 'stock', ...product })} />
        {aside?.what === 'customer' && <CustomerPanel {...part} onClose={() => setAside(undefined)} />}
        {aside?.what === 'stock' && (
          <StockPanel
            {...part}
            key={aside.sku}
            sku={aside.sku}
            name={aside.name}
            onClose={() => setAside(undefined)}
          />
        )}
      </div>
      <div class="right">
        {payment.step === 'done' ? (
          <ReceiptPanel {...part} order={payment.order} />
        ) : takesPayment ? (
          <PaymentPanel {...part} />
        ) : (
          <CartPanel {...part} onAside={setAside} />
        )}
      </div>
    </div>
  );
}

function SearchPanel({
  till,
  state,
  language,
  words,
  onStock,
}: PartProps & { onStock: (product: Product) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const [answer, setAnswer] = useState<{ of: string; products: readonly Product[] } | undefined>();
  const [chosen, setChosen] = useState(0);
  const { times, rest } = timesOf(text);
  const found = answer?.products;
  const whyNot = offerGoods(state);
  useEffect(() => {
    // A keyboard that slides over the cart is no help: only where there is a real one.
    if (matchMedia('(pointer: fine)').matches) {
      field.current?.focus();
    }
  }, [state.payment.step, state.isPaying]);
  useEffect(() => {
    if (rest === '') {
      setAnswer(undefined);
      return;
    }
    const search = new AbortController();
    const pause = setTimeout(() => {
      till.client.products({ q: rest, limit: RESULTS_MAX }, { signal: search.signal }).then(
        (products) => {
          setAnswer({ of: rest, products });
          setChosen(0);
        },
        (error: unknown) => {
          if (!search.signal.aborted) {
            till.refuse(error);
          }
        },
      );
    }, TYPING_PAUSE_MS);
    return () => {
      clearTimeout(pause);
      search.abort();
    };
  }, [rest, till]);
  const take = (product: Product): void => {
    till.addProduct(product, times);
    setText('');
    setAnswer(undefined);
    if (matchMedia('(pointer: fine)').matches) {
      field.current?.focus();
    }
  };
  const enter = async (): Promise<void> => {
    // What is shown may still be the answer to half of what was typed: that is not what Enter means.
    const product = answer?.of === rest ? answer.products[chosen] : undefined;
    if (/^\d{6,14}$/.test(rest) || /-\d{6,12}$/.test(rest) || rest.includes('fn=')) {
      setText('');
      await till.scan(text);
    } else if (product !== undefined) {
      take(product);
    } else if (rest !== '') {
      const [first] = await till.client.products({ q: rest, limit: 1 }).catch(() => []);
      if (first !== undefined) {
        take(first);
      }
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const { cart } = state;
    const goesDown = event.key === 'ArrowDown';
    if (event.key === 'Enter') {
      event.preventDefault();
      void enter();
    } else if (goesDown || event.key === 'ArrowUp') {
      event.preventDefault();
      if (found !== undefined && found.length > 0) {
        setChosen((chosen + (goesDown ? 1 : found.length - 1)) % found.length);
      } else {
        till.setCart(selectLine(cart, cart.selected + (goesDown ? 1 : -1)));
      }
    } else if (
      text === '' &&
      ['+', '-', 'Delete'].includes(event.key) &&
      cart.lines[cart.selected] !== undefined
    ) {
      event.preventDefault();
      const { quantityMilli } = cart.lines[cart.selected]!;
      till.setCart(
        event.key === 'Delete'
          ? removeLine(cart)
          : setQuantity(cart, quantityMilli + (event.key === '+' ? ONE_MILLI : -ONE_MILLI)),
      );
    }
  };
  return (
    <section class="search card stack" aria-label={words.sale.search}>
      <label for="search">{words.sale.search}</label>
      <input
        id="search"
        ref={field}
        data-key="F2"
        type="search"
        aria-describedby="found-words"
        autocomplete="off"
        spellcheck={false}
        placeholder={words.sale.placeholder}
        value={text}
        disabled={whyNot === 'paying'}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {whyNot !== undefined && <p class="quiet">{words.whyNot[whyNot]}</p>}
      <div id="found-words" class="spoken" role="status">
        {found !== undefined &&
          (found.length === 0
            ? words.sale.noResults
            : `${words.sale.results}: ${found.length}. ${found[chosen]?.name ?? ''}`)}
      </div>
      {found?.length === 0 && <p class="quiet">{words.sale.noResults}</p>}
      <div class="results">
        <ul aria-label={words.sale.results}>
          {(found ?? []).map((product, at) => (
            <li key={product.sku}>
              <button
                type="button"
                class={at === chosen ? 'found chosen' : 'found'}
                disabled={product.retired}
                onClick={() => take(product)}
              >
                <span class="name">
                  {product.name}
                  <small class="quiet">
                    {product.sku}
                    {product.retired ? ` · ${words.sale.retired}` : ''}
                  </small>
                </span>
                <b class="number">{money(language, product.priceMinor)}</b>
              </button>
            </li>
          ))}
        </ul>
        {found?.[chosen] !== undefined && (
          <button type="button" class="plain" onClick={() => onStock(found[chosen]!)}>
            {words.sale.stockOf(found[chosen]!.name)}
          </button>
        )}
      </div>
      <p class="keys quiet">{words.sale.keys}</p>
    </section>
  );
}
