/** Troubles of a device in words: what is wrong, what still works, what to do. */
import { knownWords } from '../kit/node-words.ts';
import { gigabytes } from '../kit/numbers.ts';
import { troubleWords } from '../kit/register-words.ts';
import type { Language } from '../kit/words.ts';
import { alarmTodo } from './alarm-todo.ts';
import type { DeviceDetail, DeviceRow, QuarantineEntry } from './fleet-types.ts';
import { age, clock, type Speech } from './shown.ts';
import { type TroubleKind, troublesOf } from './trouble.ts';

export function TroubleList({ row, nowMs, ...speech }: Speech & { row: DeviceRow; nowMs: number }) {
  const { words } = speech;
  const troubles = troublesOf(row);
  if (troubles.length === 0) {
    return <p class="note well">{words.well}</p>;
  }
  return (
    <>
      {troubles.map(({ kind, level }) => (
        <div key={kind} class={`trouble note ${level}`}>
          <strong>{words.trouble[kind]}</strong>
          <dl>
            <dt>{words.wrong}</dt>
            <dd>
              {saidOf(kind, row, nowMs, speech).map((said) => (
                <div key={said}>{said}</div>
              ))}
            </dd>
            <dt>{words.stillWorks}</dt>
            <dd>{words.still[kind]}</dd>
            <dt>{words.whatToDo}</dt>
            <dd>
              {todoOf(kind, row, speech).map((said) => (
                <div key={said}>{said}</div>
              ))}
            </dd>
          </dl>
        </div>
      ))}
    </>
  );
}

function saidOf(
  kind: TroubleKind,
  row: DeviceRow,
  nowMs: number,
  { language, words }: Speech,
): readonly string[] {
  const { detail } = row;
  switch (kind) {
    case 'stopped':
      return stoppedWords(language, detail);
    case 'register':
      return [troubleWords(language, detail?.fiscal?.trouble ?? '')];
    case 'quarantine':
      return (detail?.quarantine?.items ?? []).map((item) => quarantineWords(language, item));
    case 'alarm':
      return row.alarms.map(({ code, detail }) =>
        // The detail names devices and figures; in English it is the better sentence.
        language === 'en'
          ? `${detail} (${code})`
          : `${knownWords(language, 'alarms', code) ?? detail} (${code})`,
      );
    case 'offline':
      return [
        row.lastContact === null
          ? words.never
          : words.ago(age(language, nowMs - Date.parse(row.lastContact))),
      ];
    case 'late':
      return [`${words.entries(row.lag.entriesThere)} · ${age(language, row.lag.seconds * 1000)}`];
    case 'fiscalLate':
      return [age(language, (row.oldestUndeliveredFiscalSeconds ?? 0) * 1000)];
    case 'fnEnding':
      return [words.days(row.fnDaysLeft ?? 0)];
    case 'clock':
      return [clock({ language, words }, row.clockOffsetMs)];
    case 'disk':
      return [
        row.disk === null
          ? ''
          : words.free(gigabytes(language, row.disk.freeBytes), gigabytes(language, row.disk.totalBytes)),
      ];
    case 'conflicts':
      return (detail?.conflicts?.items ?? []).map(
        (item) => `${item.name} (${item.sku}): ${fieldWords(language, item.field)}`,
      );
    case 'invited':
    case 'never':
      return [words.trouble[kind]];
    default:
      return kind satisfies never;
  }
}

/** Each alarm has something of its own to do; two may share it. */
function todoOf(kind: TroubleKind, row: DeviceRow, { language, words }: Speech): readonly string[] {
  if (kind !== 'alarm') {
    return [words.todo[kind]];
  }
  return [...new Set(row.alarms.map(({ code }) => alarmTodo(language, code) ?? words.todo.alarm))];
}

function stoppedWords(language: Language, detail: DeviceDetail | null): readonly string[] {
  const said = (detail?.situation ?? [])
    .map((code) => knownWords(language, 'situation', code))
    .filter((words) => words !== undefined);
  return language === 'en' || said.length === 0 ? (detail?.reasons ?? []) : said;
}

/** In English the node's own sentence says more. */
export function quarantineWords(language: Language, { kind, what, words }: QuarantineEntry): string {
  return language === 'en'
    ? `${what}: ${words}`
    : `${knownWords(language, 'outbox', kind) ?? what} (${what})`;
}

export function fieldWords(language: Language, field: string): string {
  return knownWords(language, 'fields', field) ?? field;
}
