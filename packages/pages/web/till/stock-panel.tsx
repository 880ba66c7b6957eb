/** How much there is of a product: here, and in other branches as they last said, with the age of that. */
import type { StockLevel } from '@branchline/model';
import { useEffect, useState } from 'preact/hooks';
import { duration, quantity } from '../kit/numbers.ts';
import type { PartProps } from './signed-in-till.tsx';

interface StockProps extends PartProps {
  readonly sku: string;
  readonly name: string;
  readonly onClose: () => void;
}

export function StockPanel({ till, language, words, sku, name, onClose }: StockProps) {
  const [level, setLevel] = useState<StockLevel | undefined>();
  useEffect(() => {
    const asking = new AbortController();
    till.client.stock(sku, { signal: asking.signal }).then(setLevel, (error: unknown) => {
      if (!asking.signal.aborted) {
        till.refuse(error);
      }
    });
    return () => asking.abort();
  }, [sku, till]);
  return (
    <section class="card stack" aria-label={words.sale.stockOf(name)}>
      <div class="row spread">
        <h2>{name}</h2>
        <button type="button" class="plain" data-key="Escape" onClick={onClose}>
          {words.close}
        </button>
      </div>
      {level === undefined ? (
        <p class="quiet">{words.loading}</p>
      ) : (
        <>
          <p>
            {words.stock.here}: <b>{quantity(language, level.onHandMilli)}</b>
            {(level.reservedMilli ?? 0) > 0 &&
              ` (${quantity(language, level.reservedMilli!)} ${words.stock.reserved})`}
          </p>
          <h3>{words.stock.elsewhere}</h3>
          {(level.elsewhere ?? []).length === 0 ? (
            <p class="quiet">{words.stock.none}</p>
          ) : (
            <table>
              <thead>
                <tr>
                  <th scope="col">{words.stock.branch}</th>
                  <th scope="col" class="number">
                    {words.stock.onHand}
                  </th>
                  <th scope="col">{words.stock.age}</th>
                </tr>
              </thead>
              <tbody>
                {level.elsewhere!.map(({ branch, onHandMilli, ageSeconds }) => (
                  <tr key={branch}>
                    <td>{branch}</td>
                    <td class="number">{quantity(language, onHandMilli)}</td>
                    <td>{words.stock.ago(duration(language, ageSeconds * 1000))}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </>
      )}
    </section>
  );
}
