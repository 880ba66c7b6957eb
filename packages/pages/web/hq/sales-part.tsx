/** Sales by branch and day: asked for in pieces, added up here. */
import type { SalesReport, SalesRow } from '@branchline/model';
import { useEffect, useState } from 'preact/hooks';
import { count, money } from '../kit/numbers.ts';
import type { PartProps } from './hq-words.ts';
import { Table } from './lists.tsx';
import { saidOf } from './use-answer.ts';

const DAYS_DEFAULT = 7;
const DAY_MS = 86_400_000;

export function SalesPart({ api, language, words }: PartProps) {
  const [from, setFrom] = useState(localDay(Date.now() - (DAYS_DEFAULT - 1) * DAY_MS));
  const [until, setUntil] = useState(localDay(Date.now()));
  const [rows, setRows] = useState<readonly SalesRow[]>();
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      const sums = new Map<string, SalesRow>();
      const zone = -new Date().getTimezoneOffset();
      const base = `/v1/reports/sales?from=${from}&to=${until}&offsetMinutes=${zone}`;
      for (let after: string | undefined = ''; after !== undefined; ) {
        const at: string = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
        const piece: SalesReport = await api.call<SalesReport>(`${base}${at}`, { signal: stop.signal });
        for (const row of piece.rows) {
          const key = `${row.day} ${row.branch}`;
          sums.set(key, added(sums.get(key), row));
        }
        after = piece.next;
      }
      setRows([...sums.values()]);
      setTrouble('');
    };
    read().catch((error: unknown) => !stop.signal.aborted && setTrouble(saidOf(error, { words, language })));
    return () => stop.abort();
  }, [api, from, until, words]);
  const total = (rows ?? []).reduce((sum, row) => sum + row.salesMinor - row.refundsMinor, 0);
  return (
    <section class="stack">
      <div class="tools">
        <label class="field">
          {words.from}
          <input type="date" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
        </label>
        <label class="field">
          {words.until}
          <input type="date" value={until} onChange={(event) => setUntil(event.currentTarget.value)} />
        </label>
        <strong>
          {words.total}: {money(language, total)}
        </strong>
      </div>
      <Table
        words={words}
        titles={[words.day, words.branch, words.orders, words.sum, words.refunds, words.total]}
        figures={[2, 3, 4, 5]}
        trouble={trouble}
        rows={rows?.map((row) => ({
          key: `${row.day} ${row.branch}`,
          cells: [
            row.day,
            row.branch,
            count(language, row.orders),
            money(language, row.salesMinor),
            money(language, row.refundsMinor),
            money(language, row.salesMinor - row.refundsMinor),
          ],
        }))}
      />
    </section>
  );
}

function added(sum: SalesRow | undefined, row: SalesRow): SalesRow {
  if (sum === undefined) {
    return row;
  }
  return {
    ...row,
    orders: sum.orders + row.orders,
    salesMinor: sum.salesMinor + row.salesMinor,
    refunds: sum.refunds + row.refunds,
    refundsMinor: sum.refundsMinor + row.refundsMinor,
  };
}

function localDay(ms: number): string {
  const zoneMs = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - zoneMs).toISOString().slice(0, 10);
}
