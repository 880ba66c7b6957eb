/** Who buys: looked up by name, phone or number; shown with the points there are and those that can be spent here. */
import type { Customer } from '@branchline/model';
import { useEffect, useRef, useState } from 'preact/hooks';
import { count } from '../kit/numbers.ts';
import type { PartProps } from './signed-in-till.tsx';

const TYPING_PAUSE_MS = 120;
const RESULTS_MAX = 8;

export function CustomerPanel({ till, language, words, onClose }: PartProps & { onClose: () => void }) {
  const [text, setText] = useState('');
  const [found, setFound] = useState<readonly Customer[] | undefined>();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    if (text.trim() === '') {
      setFound(undefined);
      return;
    }
    const search = new AbortController();
    const pause = setTimeout(() => {
      till.client
        .customers({ q: text.trim(), limit: RESULTS_MAX }, { signal: search.signal })
        .then(setFound, (error: unknown) => {
          if (!search.signal.aborted) {
            till.refuse(error);
          }
        });
    }, TYPING_PAUSE_MS);
    return () => {
      clearTimeout(pause);
      search.abort();
    };
  }, [text, till]);
  const choose = (customer: Customer): void => {
    till.chooseCustomer(customer);
    onClose();
  };
  return (
    <section class="card stack" aria-label={words.customer.title}>
      <div class="row spread">
        <h2>{words.customer.title}</h2>
        <button type="button" class="plain" data-key="Escape" onClick={onClose}>
          {words.close}
        </button>
      </div>
      <label for="customer">{words.customer.search}</label>
      <input
        id="customer"
        ref={field}
        type="search"
        autocomplete="off"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && found?.[0] !== undefined) {
            event.preventDefault();
            choose(found[0]);
          }
        }}
      />
      <div role="status">{found?.length === 0 && <p class="quiet">{words.customer.none}</p>}</div>
      <ul class="plain-list">
        {(found ?? [])
          .filter(({ retired }) => !retired)
          .map((customer) => (
            <li key={customer.id}>
              <button type="button" class="wide" onClick={() => choose(customer)}>
                <span class="name">
                  {customer.name || customer.id}
                  <small class="quiet">{customer.phone || customer.id}</small>
                </span>
                <span class="quiet">
                  {words.customer.points(
                    count(language, customer.points.balance),
                    count(language, customer.points.spendableHere),
                  )}
                </span>
              </button>
            </li>
          ))}
      </ul>
    </section>
  );
}
