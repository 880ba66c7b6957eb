/** The strip: six parts in colour and words, what waits and since when, the nearest deadline, and one sentence on what still works. */
import { duration, moment } from '../kit/numbers.ts';
import { troubleWords } from '../kit/register-words.ts';
import type { Language } from '../kit/words.ts';
import type { PartProps } from './signed-in-till.tsx';
import { type Part, type Strip, worstOf } from './status.ts';
import type { TillState } from './till.ts';
import type { TillWords } from './till-words.ts';

const SIGNS: Readonly<Record<Part['level'], string>> = { well: '●', notice: '▲', bad: '■', off: '○' };

export function StatusStrip({ till, state, language, words }: PartProps) {
  const { strip } = state;
  const counts = countWords(strip, language, words);
  const sentence = sentenceOf(state, language, words);
  const worst = worstOf(strip);
  return (
    <section class="strip" aria-label={words.strip.label}>
      <div class="line-of-parts">
        <ul class="parts">
          {strip.parts.map((part) => (
            <li key={part.what} class={`chip ${part.level}`} data-part={part.what} data-state={part.state}>
              <span aria-hidden="true">{SIGNS[part.level]}</span>
              <span>
                <b>{words.strip.parts[part.what]}</b> {stateWords(part, words)}
              </span>
            </li>
          ))}
        </ul>
        <p class="counts">
          {counts.map((text) => (
            <span key={text}>{text}</span>
          ))}
          <button
            type="button"
            class="plain small details-link"
            onClick={() => till.set({ view: 'details' })}
          >
            {words.strip.more}
          </button>
        </p>
      </div>
      <div role="status" aria-live="polite">
        {sentence !== undefined && <p class={`note ${worst?.level ?? 'bad'}`}>{sentence}</p>}
      </div>
    </section>
  );
}

export function stateWords(part: Part, words: TillWords): string {
  const table: Readonly<Record<string, string>> = words.strip[part.what];
  return table[part.state] ?? part.state;
}

/** What waits, since when, until when. */
export function countWords(strip: Strip, language: Language, words: TillWords): string[] {
  const { entries, documents, receipts } = strip.waiting;
  const { deadline, oldestMs } = strip;
  return [
    ...(entries > 0 ? [words.strip.waitingEntries(entries)] : []),
    ...(receipts > 0 ? [words.strip.waitingReceipts(receipts)] : []),
    ...(documents > 0 ? [words.strip.waitingDocuments(documents)] : []),
    ...(oldestMs === undefined ? [] : [words.strip.oldest(duration(language, oldestMs))]),
    ...(deadline === undefined
      ? []
      : [words.strip.deadlines[deadline.what](duration(language, deadline.leftMs))]),
  ];
}

/** Of the worst part: what is the matter, what still works. Undefined when all is well. */
export function sentenceOf(state: TillState, language: Language, words: TillWords): string | undefined {
  const { strip, awaySinceMs, nowMs } = state;
  const said = words.strip;
  const part = worstOf(strip);
  const maintenance = part?.what === 'network' ? undefined : state.sync?.maintenance;
  if (maintenance?.isOn === true) {
    return said.maintenance(moment(language, maintenance.until ?? ''), maintenance.reason ?? '');
  }
  if (part?.what !== 'network' && state.sync !== undefined && !strip.canSell) {
    return said.cannotSell;
  }
  switch (part?.what) {
    case undefined:
      return undefined;
    case 'network':
      return said.nodeAway(duration(language, nowMs - (awaySinceMs ?? nowMs)));
    case 'relay':
      return said.relayAway;
    case 'ofd':
      return part.state === 'stopped' ? said.ofdStopped : part.state === 'late' ? said.ofdLate : said.ofdAway;
    case 'printer':
      return part.state === 'stopped'
        ? said.printerStopped
        : part.state === 'decide'
          ? said.printerDecide
          : said.printerTrouble(troubleWords(language, strip.trouble ?? ''));
    case 'clock':
      return said.clockOff;
    case 'disk':
      return part.state === 'full' ? said.diskFull : said.diskLow;
  }
}
