/** Catalog conflicts: every value, who wrote it and when; one click decides. */
import type { Conflict, ConflictPage } from '@branchline/model';
import { useState } from 'preact/hooks';
import { moment, money } from '../kit/numbers.ts';
import type { Language } from '../kit/words.ts';
import type { HqWords, PartProps } from './hq-words.ts';
import { saidOf, useAnswer } from './use-answer.ts';

export function ConflictsPart({ api, language, words }: PartProps) {
  const [said, setSaid] = useState('');
  const found = useAnswer<ConflictPage>(api, '/v1/conflicts?limit=100', words);
  const decide = async (conflict: Conflict, value: unknown) => {
    try {
      await api.call(`/v1/conflicts/${conflict.id}/resolve`, { method: 'POST', body: { value } });
      setSaid(words.chosen);
    } catch (error) {
      setSaid(saidOf(error, words));
    }
    found.again();
  };
  const conflicts = found.answer?.conflicts ?? [];
  return (
    <section class="stack">
      <p class="quiet">{words.conflictIntro}</p>
      <p role="status">{said || found.trouble}</p>
      {found.answer !== undefined && conflicts.length === 0 ? <p class="card">{words.nothing}</p> : null}
      {conflicts.map((conflict) => (
        <article key={conflict.id} class="card stack">
          <h2>
            {conflict.name} <span class="quiet">{conflict.sku}</span>
          </h2>
          <p>
            {words.field}: {fieldText(conflict.field, words)}
          </p>
          <div class="values">
            {conflict.values.map((each) => (
              <div key={`${each.writer} ${each.at}`} class="card stack">
                <strong>{valueText(conflict.field, each.value, language)}</strong>
                {each.shown ? <span class="chip well">{words.shown}</span> : null}
                <span class="quiet">
                  {each.branch ?? each.writer ?? '–'}, {moment(language, each.at)}
                </span>
                <button type="button" class="main" onClick={() => void decide(conflict, each.value)}>
                  {words.choose} <span class="spoken">{valueText(conflict.field, each.value, language)}</span>
                </button>
              </div>
            ))}
          </div>
        </article>
      ))}
    </section>
  );
}

function valueText(field: string, value: unknown, language: Language): string {
  if (field === 'priceMinor' && typeof value === 'number') {
    return money(language, value);
  }
  return Array.isArray(value) ? value.join(', ') : String(value === '' || value === null ? '–' : value);
}

function fieldText(field: string, words: HqWords): string {
  const known: Readonly<Record<string, string>> = {
    priceMinor: words.price,
    name: words.name,
    vat: words.vat,
    barcodes: words.barcodes,
    category: words.category,
    retired: words.archived,
  };
  return known[field] ?? field;
}
