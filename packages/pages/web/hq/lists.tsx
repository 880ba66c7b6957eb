/** Parts of head office that are a list: customers, transfers on their way, closed shifts. */
import type { Customer, ShiftArchive, TransferPage } from '@branchline/model';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { count, moment, money } from '../kit/numbers.ts';
import { scrollable } from '../kit/scrollable.ts';
import type { HqWords, PartProps } from './hq-words.ts';
import { useAnswer } from './use-answer.ts';

interface TableProps {
  readonly words: HqWords;
  readonly titles: readonly string[];
  /** Columns of figures, from 0. */
  readonly figures?: readonly number[];
  readonly rows:
    | readonly { readonly key: string; readonly cells: readonly ComponentChildren[] }[]
    | undefined;
  readonly trouble: string;
}

export function Table({ words, titles, figures = [], rows, trouble }: TableProps) {
  const classOf = (at: number) => (figures.includes(at) ? 'number' : undefined);
  if (trouble !== '') {
    return <p role="alert">{trouble}</p>;
  }
  if (rows === undefined || rows.length === 0) {
    return <p class="card quiet">{rows === undefined ? words.loading : words.nothing}</p>;
  }
  return (
    <div class="card scroll" {...scrollable}>
      <table>
        <thead>
          <tr>
            {titles.map((title, at) => (
              <th key={title} scope="col" class={classOf(at)}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key}>
              {cells.map((cell, at) => (
                <td key={titles[at]} class={classOf(at)}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function CustomersPart({ api, language, words }: PartProps) {
  const [text, setText] = useState('');
  const path = `/v1/customers?limit=50&q=${encodeURIComponent(text.trim())}`;
  const { answer, trouble } = useAnswer<{ customers: Customer[] }>({ api, language, words }, path);
  return (
    <section class="stack">
      <input
        type="search"
        aria-label={words.search}
        placeholder={words.search}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <Table
        words={words}
        titles={[words.name, words.phone, words.points]}
        figures={[2]}
        trouble={trouble}
        rows={answer?.customers.map(({ id, name, phone, points }) => ({
          key: id,
          cells: [name || id, phone || '–', count(language, points.balance)],
        }))}
      />
    </section>
  );
}

export function TransfersPart({ api, language, words }: PartProps) {
  const path = '/v1/stock/transfers?state=in-transit&limit=100';
  const { answer, trouble } = useAnswer<TransferPage>({ api, language, words }, path);
  return (
    <Table
      words={words}
      titles={[words.branch, words.to, words.lines, words.sent]}
      trouble={trouble}
      rows={answer?.transfers.map(({ id, from, to, lines, sent }) => ({
        key: id,
        cells: [
          from,
          to,
          lines.map((line) => `${line.name} × ${count(language, (line.sentMilli ?? 0) / 1000)}`).join(', '),
          sent === undefined ? words.onTheWay : moment(language, sent.at),
        ],
      }))}
    />
  );
}

export function ShiftsPart({ api, language, words }: PartProps) {
  const [branch, setBranch] = useState('');
  const [after, setAfter] = useState<string>();
  const at = after === undefined ? '' : `&after=${encodeURIComponent(after)}`;
  const of = branch.trim() === '' ? '' : `&branch=${encodeURIComponent(branch.trim())}`;
  const { answer, trouble } = useAnswer<ShiftArchive>(
    { api, language, words },
    `/v1/reports/shifts?limit=50${of}${at}`,
  );
  return (
    <section class="stack">
      <label class="field">
        {words.branch}
        <input
          value={branch}
          placeholder={words.allBranches}
          onInput={(event) => {
            setBranch(event.currentTarget.value);
            setAfter(undefined);
          }}
        />
      </label>
      <Table
        words={words}
        titles={[
          words.closed,
          words.branch,
          words.orders,
          words.sum,
          words.refunds,
          words.cash,
          words.card,
          words.register,
        ]}
        figures={[2, 3, 4, 5, 6]}
        trouble={trouble}
        rows={answer?.shifts.map((shift) => ({
          key: `${shift.branch} ${shift.id}`,
          cells: [
            shift.closedAt === undefined ? '–' : moment(language, shift.closedAt),
            shift.branch,
            count(language, shift.totals.sales.count),
            money(language, shift.totals.sales.totalMinor),
            money(language, shift.totals.refunds.totalMinor),
            money(language, shift.totals.sales.cashMinor - shift.totals.refunds.cashMinor),
            money(language, shift.totals.sales.cardMinor - shift.totals.refunds.cardMinor),
            <>
              {shift.register.words}
              {shift.differences.map((each) => (
                <div key={each.what} class="note notice">
                  {each.words}
                </div>
              ))}
            </>,
          ],
        }))}
      />
      {answer?.next === undefined ? null : (
        <button type="button" onClick={() => setAfter(answer.next)}>
          {words.more}
        </button>
      )}
    </section>
  );
}
