/** Everybody with trouble, in words; and what happened lately. */
import { knownWords } from '../kit/node-words.ts';
import { moment } from '../kit/numbers.ts';
import type { DeviceRow, Happening } from './fleet-types.ts';
import type { Speech } from './shown.ts';
import { compareBy, keyOf, levelOf, nameOf } from './trouble.ts';
import { TroubleList } from './trouble-list.tsx';

/** Branches written out; the grid has the rest. */
const SHOWN_MAX = 50;
const HAPPENINGS_SHOWN = 40;

interface AlarmsPageProps extends Speech {
  readonly rows: readonly DeviceRow[];
  readonly nowMs: number;
  readonly happenings: readonly Happening[];
  readonly onOpen: (key: string) => void;
}

export function AlarmsPage({ rows, nowMs, happenings, onOpen, language, words }: AlarmsPageProps) {
  const troubled = rows
    .filter((row) => row.alarms.length > 0 || levelOf(row) === 'bad')
    .sort(compareBy('trouble'));
  return (
    <div class="two">
      <section class="stack" aria-label={words.tabs.alarms}>
        {troubled.length === 0 ? <p class="note well">{words.alarmsNone}</p> : null}
        {troubled.slice(0, SHOWN_MAX).map((row) => (
          <article key={keyOf(row)} class="card stack">
            <h2>
              <button type="button" class="link" onClick={() => onOpen(keyOf(row))}>
                {nameOf(row)}
              </button>
            </h2>
            <TroubleList row={row} nowMs={nowMs} language={language} words={words} />
          </article>
        ))}
        {troubled.length > SHOWN_MAX ? (
          <p class="quiet">{words.waiting.more(troubled.length - SHOWN_MAX)}</p>
        ) : null}
      </section>
      <section class="card stack">
        <h2>{words.happenings}</h2>
        {happenings.length === 0 ? <p class="quiet">{words.waiting.none}</p> : null}
        <ul class="plain">
          {happenings.slice(0, HAPPENINGS_SHOWN).map((event, at) => (
            <li key={`${event.at} ${at}`}>
              <span class="quiet">{moment(language, event.at)}</span> {saidOf(event, { language, words })}
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

function saidOf(event: Happening, { language, words }: Speech): string {
  if (event.type === 'acted') {
    return [event.who, words.audit.acts[event.what ?? ''] ?? event.what, event.subject].join(' · ');
  }
  const code = event.type === 'disconnected' ? undefined : event.code;
  // As everywhere: in English the detail is the better sentence.
  const known = language === 'en' ? undefined : knownWords(language, 'alarms', code ?? '');
  const what =
    event.type === 'alarmed' && known !== undefined ? `${known} (${code})` : (event.detail ?? code);
  return [event.branch, words.event[event.type] ?? event.type, what, event.reason]
    .filter(Boolean)
    .join(' · ');
}
