/** What could not be delivered: what it is, why, what to do, and two ways out. */
import type { OutboxStatus, QuarantineItem, QuarantinePage } from '@branchline/model';
import { useState } from 'preact/hooks';
import { nodeWords } from '../kit/node-words.ts';
import { moment } from '../kit/numbers.ts';
import type { PartProps } from './hq-words.ts';
import { saidOf, useAnswer } from './use-answer.ts';

export function QuarantinePart({ api, language, words }: PartProps) {
  const found = useAnswer<QuarantinePage>({ api, language, words }, '/v1/outbox/quarantine?limit=100');
  const status = useAnswer<OutboxStatus>({ api, language, words }, '/v1/outbox');
  /** Of each item its own. */
  const [reasons, setReasons] = useState<Readonly<Record<string, string>>>({});
  const [said, setSaid] = useState('');
  const act = async (item: QuarantineItem, what: 'retry' | 'resolve') => {
    const body = what === 'retry' ? {} : { reason: reasons[item.id]?.trim() };
    try {
      await api.call(`/v1/outbox/quarantine/${encodeURIComponent(item.id)}/${what}`, {
        method: 'POST',
        body,
      });
      setSaid(words.chosen);
    } catch (error) {
      setSaid(saidOf(error, { words, language }));
    }
    found.again();
    status.again();
  };
  const items = found.answer?.items ?? [];
  return (
    <section class="stack">
      <p class="quiet">{words.quarantineIntro}</p>
      {status.answer === undefined ? null : <p>{words.pending(status.answer.totals.pending)}</p>}
      <p role="status">{said || found.trouble}</p>
      {found.answer !== undefined && items.length === 0 ? (
        <p class="card note well">{words.nothing}</p>
      ) : null}
      {items.map((item) => (
        <article key={item.id} class="card stack">
          <h2>{nodeWords[language].outbox[item.kind]}</h2>
          <p>
            <strong>{words.todo}:</strong> {nodeWords[language].outboxTodo[item.kind]}
          </p>
          <p lang="en">
            {item.what}. {item.why.words} <span class="quiet">{moment(language, item.why.at)}</span>
          </p>
          <div class="tools">
            {item.acts.includes('retry') ? (
              <button type="button" class="main" onClick={() => void act(item, 'retry')}>
                {words.retry} <span class="spoken">{item.what}</span>
              </button>
            ) : null}
            {item.acts.includes('resolve') ? (
              <>
                <label class="field">
                  {words.reason}
                  <input
                    value={reasons[item.id] ?? ''}
                    onInput={(event) => {
                      const { value } = event.currentTarget;
                      setReasons((typed) => ({ ...typed, [item.id]: value }));
                    }}
                  />
                </label>
                <button
                  type="button"
                  disabled={(reasons[item.id] ?? '').trim() === ''}
                  onClick={() => void act(item, 'resolve')}
                >
                  {words.settle} <span class="spoken">{item.what}</span>
                </button>
              </>
            ) : null}
          </div>
        </article>
      ))}
    </section>
  );
}
