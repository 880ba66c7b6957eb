/** Catalog conflicts: every value, who wrote it and when; one click decides. The one the address names stands first and is in sight. */
import type { Conflict, ConflictPage } from '@branchline/model';
import { useEffect, useRef, useState } from 'preact/hooks';
import { knownWords } from '../kit/node-words.ts';
import { moment, money } from '../kit/numbers.ts';
import type { Language } from '../kit/words.ts';
import type { PartProps } from './hq-words.ts';
import { saidOf, useAnswer } from './use-answer.ts';

export function ConflictsPart({ api, language, words, about }: PartProps) {
  const [said, setSaid] = useState('');
  const found = useAnswer<ConflictPage>({ api, language, words }, '/v1/conflicts?limit=100');
  const decide = async (conflict: Conflict, value: unknown) => {
    try {
      await api.call(`/v1/conflicts/${conflict.id}/resolve`, { method: 'POST', body: { value } });
      setSaid(words.chosen);
    } catch (error) {
      setSaid(saidOf(error, { words, language }));
    }
    found.again();
  };
  const conflicts = [...(found.answer?.conflicts ?? [])].sort(
    (one, other) => Number(other.id === about) - Number(one.id === about),
  );
  const isGone =
    about !== undefined &&
    said === '' &&
    found.answer !== undefined &&
    conflicts.every(({ id }) => id !== about);
  const first = useRef<HTMLElement>(null);
  useEffect(() => {
    first.current?.focus();
  }, [about, found.answer === undefined]);
  return (
    <section class="stack">
      <p class="quiet">{words.conflictIntro}</p>
      <p role="status">{said || found.trouble || (isGone ? words.conflictGone : '')}</p>
      {found.answer !== undefined && conflicts.length === 0 ? <p class="card">{words.nothing}</p> : null}
      {conflicts.map((conflict) => (
        <article
          key={conflict.id}
          class={conflict.id === about ? 'card stack asked' : 'card stack'}
          {...(conflict.id === about ? { ref: first, tabIndex: -1 } : {})}
        >
          <h2>
            {conflict.name} <span class="quiet">{conflict.sku}</span>
          </h2>
          <p>
            {words.field}: {knownWords(language, 'fields', conflict.field) ?? conflict.field}
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
