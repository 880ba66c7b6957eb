/**
 * All branches at once. A row is drawn again only when its device changed or its words did; the rest of a grid of 200 stays as it is.
 */
import { memo } from 'preact/compat';
import { useMemo, useState } from 'preact/hooks';
import { gigabytes } from '../kit/numbers.ts';
import type { DeviceRow } from './fleet-types.ts';
import { age, behind, clock, contact, type Speech } from './shown.ts';
import {
  compareBy,
  type Filter,
  filters,
  keyOf,
  levelOf,
  nameOf,
  passes,
  type Sort,
  sorts,
  troublesOf,
} from './trouble.ts';

export interface FleetGridProps extends Speech {
  readonly rows: readonly DeviceRow[];
  readonly nowMs: number;
  readonly onOpen: (key: string) => void;
}

export function FleetGrid({ rows, nowMs, language, words, onOpen }: FleetGridProps) {
  const [filter, setFilter] = useState<Filter>('all');
  const [sort, setSort] = useState<Sort>('trouble');
  const [text, setText] = useState('');
  const counts = useMemo(() => filters.map((each) => rows.filter((row) => passes(row, each)).length), [rows]);
  const shown = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    return rows
      .filter((row) => passes(row, filter) && (wanted === '' || searched(row, words).includes(wanted)))
      .sort(compareBy(sort));
  }, [rows, filter, sort, text, words]);
  return (
    <section class="stack" aria-label={words.title}>
      <div class="tools">
        <fieldset class="row" style={{ border: 0, margin: 0, padding: 0 }}>
          <legend class="spoken">{words.filterLabel}</legend>
          {filters.map((each, index) => (
            <button type="button" key={each} aria-pressed={each === filter} onClick={() => setFilter(each)}>
              {words.filter[each]} {counts[index]}
            </button>
          ))}
        </fieldset>
        <input
          type="search"
          aria-label={words.search}
          placeholder={words.search}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <label class="field">
          <span class="spoken">{words.sortLabel}</span>
          <select value={sort} onChange={(event) => setSort(event.currentTarget.value as Sort)}>
            {sorts.map((each) => (
              <option key={each} value={each}>
                {words.sort[each]}
              </option>
            ))}
          </select>
        </label>
      </div>
      {shown.length === 0 ? (
        <p class="card">{rows.length === 0 ? words.nobody : words.none}</p>
      ) : (
        <div class="grid">
          <table>
            <thead>
              <tr>
                <th scope="col">{words.column.branch}</th>
                <th scope="col">{words.column.state}</th>
                <th scope="col">{words.wrong}</th>
                <th scope="col">{words.column.contact}</th>
                <th scope="col">{words.column.behind}</th>
                <th scope="col">{words.column.fiscal}</th>
                <th scope="col" class="number">
                  {words.column.fn}
                </th>
                <th scope="col" class="number">
                  {words.column.clock}
                </th>
                <th scope="col" class="number">
                  {words.column.disk}
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((row) => (
                <GridRow
                  key={keyOf(row)}
                  row={row}
                  // Those in contact show no age: they need not follow the clock.
                  nowMs={row.online ? 0 : nowMs}
                  language={language}
                  words={words}
                  onOpen={onOpen}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

interface GridRowProps extends Speech {
  readonly row: DeviceRow;
  readonly nowMs: number;
  readonly onOpen: (key: string) => void;
}

const GridRow = memo(function GridRow({ row, nowMs, language, words, onOpen }: GridRowProps) {
  const speech = { language, words };
  const troubles = troublesOf(row);
  const level = levelOf(row);
  const fiscal = row.oldestUndeliveredFiscalSeconds;
  return (
    <tr data-level={level} data-branch={row.branch}>
      <td>
        <button type="button" class="link" onClick={() => onOpen(keyOf(row))}>
          {nameOf(row)}
        </button>
        {row.role === 'branch' ? '' : <span class="quiet"> {words.role[row.role]}</span>}
      </td>
      <td>
        <span class={`chip ${stateLevel(row)}`}>{words.state[row.state]}</span>
      </td>
      <td class="troubles">
        {troubles.length === 0
          ? level === 'off'
            ? '–'
            : words.well
          : troubles.map(({ kind, level: each }) => (
              <span key={kind} class={`chip ${each}`} style={{ marginInlineEnd: '0.25rem' }}>
                {words.trouble[kind]}
                {kind === 'alarm' && row.alarms.length > 1 ? ` ${row.alarms.length}` : ''}
              </span>
            ))}
      </td>
      <td class="numbered" data-label={words.column.contact}>
        {contact(speech, row, nowMs)}
      </td>
      <td class="numbered" data-label={words.column.behind}>
        {behind(speech, row)}
      </td>
      <td class="narrow-off">{fiscal === null || fiscal < 60 ? '–' : age(language, fiscal * 1000)}</td>
      <td class="number narrow-off">{row.fnDaysLeft ?? '–'}</td>
      <td class="number narrow-off">{clock(speech, row.clockOffsetMs)}</td>
      <td class="number narrow-off">{row.disk === null ? '–' : gigabytes(language, row.disk.freeBytes)}</td>
    </tr>
  );
}, isSame);

/** Rows come anew with every change; most of them say what they said. */
function isSame(before: GridRowProps, next: GridRowProps): boolean {
  return before.row === next.row && before.nowMs === next.nowMs && before.words === next.words;
}

function stateLevel({ state }: DeviceRow): string {
  return state === 'online' ? 'well' : state === 'offline' ? 'bad' : state === 'enrolled' ? 'notice' : 'off';
}

function searched(row: DeviceRow, words: Speech['words']): string {
  const troubles = troublesOf(row).map(({ kind }) => words.trouble[kind]);
  const alarms = row.alarms.flatMap(({ code, detail }) => [code, detail]);
  return [nameOf(row), words.state[row.state], row.version, row.remote, ...troubles, ...alarms]
    .join(' ')
    .toLowerCase();
}
