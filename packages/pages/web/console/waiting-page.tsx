/**
 * What waits for somebody, as nodes said it: transfers on their way, conflicts, quarantine. The relay understands no document, so it is
 * decided at the node that has it; every row leads to that page.
 */
import { knownWords } from '../kit/node-words.ts';
import { moment } from '../kit/numbers.ts';
import { scrollable } from '../kit/scrollable.ts';
import { pageOf } from './branch-page.tsx';
import type { DeviceRow } from './fleet-types.ts';
import type { Speech } from './shown.ts';
import { keyOf, nameOf } from './trouble.ts';
import { fieldWords, quarantineWords } from './trouble-list.tsx';

interface WaitingProps extends Speech {
  readonly rows: readonly DeviceRow[];
  readonly onOpen: (key: string) => void;
}

export function waitingCount(rows: readonly DeviceRow[]): number {
  const conflicts = conflictRow(rows)?.detail?.conflicts?.total ?? 0;
  return rows.reduce((sum, { detail }) => sum + (detail?.quarantine?.total ?? 0), conflicts);
}

export function WaitingPage({ rows, language, words, onOpen }: WaitingProps) {
  const { waiting } = words;
  const held = conflictRow(rows);
  const conflicts = held?.detail?.conflicts;
  const aside = rows.filter(({ detail }) => (detail?.quarantine?.total ?? 0) > 0);
  const transfers = transfersOf(rows);
  const link = (row: DeviceRow, part: string, text: string, about: string) =>
    row.detail?.url === undefined ? (
      <button type="button" class="link" onClick={() => onOpen(keyOf(row))}>
        {waiting.look} <span class="spoken">{about}</span>
      </button>
    ) : (
      <a href={pageOf(row, part)} target="_blank" rel="noreferrer">
        {text} <span class="spoken">{about}</span>
      </a>
    );
  return (
    <section class="stack">
      <p class="quiet">{waiting.intro}</p>
      <div class="card stack">
        <h2>{waiting.quarantine}</h2>
        {aside.length === 0 ? <p class="quiet">{waiting.none}</p> : null}
        {aside.map((row) => (
          <div key={keyOf(row)} class="stack">
            <div class="row">
              <button type="button" class="link" onClick={() => onOpen(keyOf(row))}>
                {nameOf(row)}
              </button>
              {link(row, '#quarantine', waiting.replay, nameOf(row))}
            </div>
            <ul class="plain">
              {row.detail?.quarantine?.items.map((item) => (
                <li key={item.id}>
                  {quarantineWords(language, item)}
                  <div class="quiet">
                    {words.whatToDo}: {knownWords(language, 'outboxTodo', item.kind) ?? item.todo}
                  </div>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </div>
      <div class="card stack">
        <h2>{waiting.conflicts}</h2>
        {held === undefined || conflicts === undefined ? (
          <p class="quiet">{waiting.none}</p>
        ) : (
          <>
            <div class="scroll" {...scrollable}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">{waiting.product}</th>
                    <th scope="col">{waiting.field}</th>
                    <th scope="col">{waiting.decide}</th>
                  </tr>
                </thead>
                <tbody>
                  {conflicts.items.map((item) => (
                    <tr key={item.id}>
                      <td>
                        {item.name} <span class="quiet">{item.sku}</span>
                      </td>
                      <td>{fieldWords(language, item.field)}</td>
                      <td>
                        {link(
                          held,
                          `#conflicts/${encodeURIComponent(item.id)}`,
                          waiting.decide,
                          `${item.name} ${fieldWords(language, item.field)}`,
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {conflicts.total > conflicts.items.length ? (
              <p class="quiet">{waiting.more(conflicts.total - conflicts.items.length)}</p>
            ) : null}
          </>
        )}
      </div>
      <div class="card stack">
        <h2>{waiting.transfers}</h2>
        {transfers.length === 0 ? (
          <p class="quiet">{waiting.none}</p>
        ) : (
          <div class="scroll" {...scrollable}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{waiting.from}</th>
                  <th scope="col">{waiting.to}</th>
                  <th scope="col" class="number">
                    {waiting.lines}
                  </th>
                  <th scope="col">{waiting.sent}</th>
                </tr>
              </thead>
              <tbody>
                {transfers.map((item) => (
                  <tr key={item.id}>
                    <td>{item.from}</td>
                    <td>{item.to}</td>
                    <td class="number">{item.lines}</td>
                    <td>{item.sentAt === undefined ? words.unknown : moment(language, item.sentAt)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </section>
  );
}

/** Every node has the same conflicts; head office is asked first, because it may decide. */
function conflictRow(rows: readonly DeviceRow[]): DeviceRow | undefined {
  const having = rows.filter(({ detail }) => (detail?.conflicts?.total ?? 0) > 0);
  return having.find(({ role }) => role === 'hq') ?? having[0];
}

/** Both ends and head office know a transfer: it is one. */
function transfersOf(rows: readonly DeviceRow[]) {
  const items = rows.flatMap(({ detail }) => detail?.transfers?.items ?? []);
  return [...new Map(items.map((item) => [item.id, item])).values()];
}
