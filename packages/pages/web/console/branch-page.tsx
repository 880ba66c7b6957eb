/** One device: what is wrong in words, figures, history, feeds that differ, its keys. */
import { nodeWords } from '../kit/node-words.ts';
import { gigabytes } from '../kit/numbers.ts';
import type { ProgramApi } from '../kit/program-api.ts';
import { troubleWords } from '../kit/register-words.ts';
import { scrollable } from '../kit/scrollable.ts';
import type { DeviceRow } from './fleet-types.ts';
import { KeyActs } from './key-acts.tsx';
import { LagChart } from './lag-chart.tsx';
import { age, ago, clock, contact, type Speech } from './shown.ts';
import { nameOf } from './trouble.ts';
import { TroubleList } from './trouble-list.tsx';

export interface BranchPageProps extends Speech {
  readonly row: DeviceRow;
  readonly nowMs: number;
  readonly api: ProgramApi;
  readonly mayAct: boolean;
  readonly onBack: () => void;
}

export function BranchPage({ row, nowMs, api, mayAct, onBack, language, words }: BranchPageProps) {
  const speech = { language, words };
  const { detail } = row;
  const fiscal = detail?.fiscal;
  const facts: readonly (readonly [string, string | undefined])[] = [
    [words.fact.role, words.role[row.role]],
    [words.fact.contact, contact(speech, row, nowMs)],
    [words.fact.lastEntry, row.lastEntryAt === null ? undefined : ago(speech, row.lastEntryAt, nowMs)],
    [words.fact.thereNot, words.entries(row.lag.entriesThere)],
    [words.fact.hereNot, words.entries(row.lag.entriesHere)],
    [words.fact.unsent, detail?.unsent && words.entries(detail.unsent.entries)],
    [
      words.fact.register,
      fiscal &&
        (fiscal.trouble === undefined
          ? nodeWords[language].registerWorks
          : troubleWords(language, fiscal.trouble)),
    ],
    [words.fact.receipts, fiscal && String(fiscal.receiptsWaiting)],
    [words.fact.documents, documents(row, speech)],
    [words.fact.fn, fn(row, speech)],
    [words.fact.clock, clock(speech, row.clockOffsetMs)],
    [
      words.fact.disk,
      row.disk === null
        ? undefined
        : words.free(gigabytes(language, row.disk.freeBytes), gigabytes(language, row.disk.totalBytes)),
    ],
    [words.fact.version, row.version ?? undefined],
    [words.fact.address, row.remote ?? undefined],
    [words.fact.roundTrip, row.roundTripMs === null ? undefined : `${Math.round(row.roundTripMs)} ms`],
    [words.fact.reported, row.reportedAt === null ? undefined : ago(speech, row.reportedAt, nowMs)],
    [words.fact.device, row.writer ?? undefined],
  ];
  return (
    <section class="stack">
      <div class="row">
        <button type="button" onClick={onBack}>
          ← {words.back}
        </button>
        <h2>{nameOf(row)}</h2>
        <span class={`chip ${row.online ? 'well' : 'off'}`}>{words.state[row.state]}</span>
      </div>
      <div class="two">
        <div class="stack">
          <TroubleList row={row} nowMs={nowMs} language={language} words={words} />
          <div class="card stack">
            {detail?.url === undefined ? (
              <p class="quiet">{words.noPage}</p>
            ) : (
              <>
                <a href={pageOf(row)} target="_blank" rel="noreferrer">
                  {words.openPage}
                </a>
                <p class="quiet">{words.openPageHint(detail.url)}</p>
              </>
            )}
            {mayAct && row.writer !== null && row.state !== 'revoked' ? (
              <KeyActs api={api} code={row.branch} language={language} words={words} />
            ) : null}
          </div>
          {row.writer === null ? null : (
            <LagChart api={api} writer={row.writer} language={language} words={words} />
          )}
        </div>
        <div class="stack">
          <dl class="card facts">
            {facts.map(([name, value]) => (
              <>
                <dt>{name}</dt>
                <dd>{value ?? words.unknown}</dd>
              </>
            ))}
          </dl>
          <div class="card stack">
            <h3>{words.feeds}</h3>
            {row.lag.feeds.length === 0 ? (
              <p class="quiet">{words.allLevel}</p>
            ) : (
              <div class="scroll" {...scrollable}>
                <table>
                  <thead>
                    <tr>
                      <th scope="col">{words.feed}</th>
                      <th scope="col" class="number">
                        {words.fact.thereNot}
                      </th>
                      <th scope="col" class="number">
                        {words.fact.hereNot}
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {row.lag.feeds.slice(0, 40).map((feed) => (
                      <tr key={feed.feed}>
                        <td>{feed.feed}</td>
                        <td class="number">{feed.missingThere}</td>
                        <td class="number">{feed.missingHere}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </div>
        </div>
      </div>
    </section>
  );
}

/** The pages of a node: head office's where it is one, and what waits there. */
export function pageOf({ detail }: DeviceRow, part = ''): string {
  return `${(detail?.url ?? '').replace(/\/+$/, '')}/hq${part}`;
}

function documents(row: DeviceRow, { language }: Speech): string | undefined {
  const waiting = row.detail?.fiscal?.documentsWaiting;
  if (waiting === undefined) {
    return undefined;
  }
  const oldest = row.oldestUndeliveredFiscalSeconds;
  return oldest === null || waiting === 0 ? String(waiting) : `${waiting} · ${age(language, oldest * 1000)}`;
}

function fn(row: DeviceRow, { words }: Speech): string | undefined {
  const storage = row.detail?.fiscal?.storage;
  const days = row.fnDaysLeft === null ? undefined : words.days(row.fnDaysLeft);
  return storage === undefined && days === undefined
    ? undefined
    : [storage, days].filter(Boolean).join(' · ');
}
