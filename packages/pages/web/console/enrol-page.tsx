/** New branches: codes in, tokens out, shown this once. Then the keys there are, to revoke and rotate. */
import { useState } from 'preact/hooks';
import type { ProgramApi } from '../kit/program-api.ts';
import type { DeviceRow, Token } from './fleet-types.ts';
import { KeyActs } from './key-acts.tsx';
import type { Speech } from './shown.ts';
import { TokenCards } from './token-cards.tsx';

const CODES_MAX = 1_000;
const HOURS_DEFAULT = 168;
const roles = ['branch', 'hq', 'carrier', 'relay'] as const;

interface EnrolPageProps extends Speech {
  readonly api: ProgramApi;
  readonly rows: readonly DeviceRow[];
  readonly mayAct: boolean;
}

export function EnrolPage({ api, rows, mayAct, language, words }: EnrolPageProps) {
  const { enrol } = words;
  const [codes, setCodes] = useState('');
  const [role, setRole] = useState<(typeof roles)[number]>('branch');
  const [hours, setHours] = useState(String(HOURS_DEFAULT));
  const [said, setSaid] = useState('');
  const [tokens, setTokens] = useState<readonly Token[]>([]);
  const [key, setKey] = useState('');
  const make = async () => {
    const named = codesOf(codes);
    if (named === undefined) {
      setSaid(enrol.bad);
      return;
    }
    setSaid('');
    const branches = named.map((code) => ({ code, role }));
    const body = { branches, ttlHours: Number(hours) || HOURS_DEFAULT };
    try {
      setTokens((await api.call<{ tokens: Token[] }>('/v1/branches', { method: 'POST', body })).tokens);
      setCodes('');
    } catch (error) {
      setSaid(words.failed((error as Error).message));
    }
  };
  const members = [...new Set(rows.filter(isKey).map(({ branch }) => branch))].sort();
  return (
    <section class="stack">
      {mayAct ? (
        <form
          class="card stack"
          onSubmit={(event) => {
            event.preventDefault();
            void make();
          }}
        >
          <p class="quiet">{enrol.intro}</p>
          <div class="tools">
            <label class="field">
              {enrol.codes}
              <input
                value={codes}
                placeholder={enrol.codesHint}
                size={34}
                onInput={(event) => setCodes(event.currentTarget.value)}
              />
            </label>
            <label class="field">
              {enrol.role}
              <select value={role} onChange={(event) => setRole(event.currentTarget.value as typeof role)}>
                {roles.map((each) => (
                  <option key={each} value={each}>
                    {words.role[each]}
                  </option>
                ))}
              </select>
            </label>
            <label class="field">
              {enrol.hours}
              <input
                type="number"
                min="1"
                max="2160"
                value={hours}
                onInput={(event) => setHours(event.currentTarget.value)}
              />
            </label>
            <button type="submit" class="main">
              {enrol.make}
            </button>
          </div>
          <p role="alert">{said}</p>
        </form>
      ) : null}
      {tokens.length === 0 ? null : (
        <TokenCards tokens={tokens} language={language} words={words} onDone={() => setTokens([])} />
      )}
      {mayAct && members.length > 0 ? (
        <div class="card stack">
          <label class="field">
            {enrol.keys}
            <select value={key} onChange={(event) => setKey(event.currentTarget.value)}>
              <option value="">–</option>
              {members.map((code) => (
                <option key={code} value={code}>
                  {code}
                </option>
              ))}
            </select>
          </label>
          {key === '' ? null : <KeyActs key={key} api={api} code={key} language={language} words={words} />}
        </div>
      ) : null}
    </section>
  );
}

function isKey({ writer, state }: DeviceRow): boolean {
  return writer !== null && state !== 'revoked' && state !== 'succeeded';
}

/** `B001 B003-B005` as four codes; undefined for what is none. */
export function codesOf(text: string): readonly string[] | undefined {
  const found: string[] = [];
  for (const part of text.split(/[\s,;]+/).filter((word) => word !== '')) {
    const range = /^(\D*)(\d{1,6})-\1(\d{1,6})$/.exec(part);
    if (range === null) {
      found.push(part);
      continue;
    }
    const [, prefix = '', from = '', to = ''] = range;
    if (Number(to) - Number(from) >= CODES_MAX) {
      return undefined;
    }
    for (let at = Number(from); at <= Number(to); at++) {
      found.push(`${prefix}${String(at).padStart(from.length, '0')}`);
    }
  }
  const isGood =
    found.length > 0 &&
    found.length <= CODES_MAX &&
    found.every((code) => /^[A-Za-z0-9_.-]{1,32}$/.test(code));
  return isGood ? found : undefined;
}
