/** The catalog: search, change, archive and take back. */
import type { Product } from '@branchline/model';
import { useState } from 'preact/hooks';
import { money, parseMoney } from '../kit/numbers.ts';
import { scrollable } from '../kit/scrollable.ts';
import type { PartProps } from './hq-words.ts';
import { saidOf, useAnswer } from './use-answer.ts';

const VATS = ['vat22', 'vat20', 'vat10', 'vat7', 'vat5', 'vat0', 'none'];

interface Draft {
  readonly isNew: boolean;
  readonly sku: string;
  readonly name: string;
  readonly price: string;
  readonly vat: string;
  readonly barcodes: string;
  readonly category: string;
}

const EMPTY: Draft = { isNew: true, sku: '', name: '', price: '', vat: 'vat22', barcodes: '', category: '' };

export function CatalogPart({ api, language, words, isOffice }: PartProps) {
  const [text, setText] = useState('');
  const [draft, setDraft] = useState<Draft>();
  const [said, setSaid] = useState('');
  const found = useAnswer<{ products: Product[] }>(
    { api, language, words },
    `/v1/products?limit=50&q=${encodeURIComponent(text.trim())}`,
  );
  const put = async (sku: string, body: object) => {
    try {
      await api.call(`/v1/products/${encodeURIComponent(sku)}`, { method: 'PUT', body });
      setSaid(words.saved);
      setDraft(undefined);
      found.again();
    } catch (error) {
      setSaid(saidOf(error, { words, language }));
    }
  };
  const save = (edited: Draft) => {
    const priceMinor = parseMoney(edited.price);
    if (priceMinor === undefined) {
      setSaid(words.badPrice);
      return;
    }
    const barcodes = edited.barcodes.split(/[\s,;]+/).filter((code) => code !== '');
    const { sku, name, vat, category } = edited;
    void put(sku.trim(), { name: name.trim(), priceMinor, vat, barcodes, category: category.trim() });
  };
  const field = (name: 'sku' | 'name' | 'price' | 'barcodes' | 'category', label: string) => (
    <label class="field">
      {label}
      <input
        required={name !== 'barcodes' && name !== 'category'}
        disabled={name === 'sku' && draft?.isNew === false}
        value={draft?.[name] ?? ''}
        onInput={(event) => draft && setDraft({ ...draft, [name]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <section class="stack">
      <div class="tools">
        <input
          type="search"
          aria-label={words.search}
          placeholder={words.search}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {isOffice ? (
          <button type="button" onClick={() => setDraft(EMPTY)}>
            {words.add}
          </button>
        ) : null}
      </div>
      <p role="status">{said || found.trouble}</p>
      {draft === undefined ? null : (
        <form
          class="card tools"
          onSubmit={(event) => {
            event.preventDefault();
            save(draft);
          }}
        >
          {field('sku', words.sku)}
          {field('name', words.name)}
          {field('price', words.price)}
          <label class="field">
            {words.vat}
            <select
              value={draft.vat}
              onChange={(event) => setDraft({ ...draft, vat: event.currentTarget.value })}
            >
              {VATS.map((vat) => (
                <option key={vat} value={vat}>
                  {vat.replace(/^vat(\d+)$/, '$1 %')}
                </option>
              ))}
            </select>
          </label>
          {field('barcodes', words.barcodes)}
          {field('category', words.category)}
          <button type="submit" class="main">
            {words.save}
          </button>
          <button type="button" onClick={() => setDraft(undefined)}>
            {words.cancel}
          </button>
        </form>
      )}
      <div class="card scroll" {...scrollable}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.sku}</th>
              <th scope="col">{words.name}</th>
              <th scope="col" class="number">
                {words.price}
              </th>
              <th scope="col">{words.edit}</th>
            </tr>
          </thead>
          <tbody>
            {(found.answer?.products ?? []).map((product) => (
              <tr key={product.sku}>
                <td>{product.sku}</td>
                <td>
                  {product.name} {product.retired ? <span class="chip off">{words.archived}</span> : null}
                </td>
                <td class="number">{money(language, product.priceMinor)}</td>
                <td>
                  {isOffice ? (
                    <div class="row">
                      <button type="button" onClick={() => setDraft(draftOf(product))}>
                        {words.edit} <span class="spoken">{product.sku}</span>
                      </button>
                      <button
                        type="button"
                        class="plain"
                        onClick={() => void put(product.sku, { retired: !product.retired })}
                      >
                        {product.retired ? words.restore : words.archive}{' '}
                        <span class="spoken">{product.sku}</span>
                      </button>
                    </div>
                  ) : (
                    '–'
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {found.answer?.products.length === 0 ? <p class="quiet">{words.nothing}</p> : null}
      </div>
    </section>
  );
}

function draftOf(product: Product): Draft {
  return {
    isNew: false,
    sku: product.sku,
    name: product.name,
    price: (product.priceMinor / 100).toFixed(2),
    vat: product.vat,
    barcodes: product.barcodes.join(' '),
    category: product.category ?? '',
  };
}
