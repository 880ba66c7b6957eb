/** Who did what and when; and the tokens of operators. */
import { useEffect, useState } from 'preact/hooks';
import { moment } from '../kit/numbers.ts';
import type { ProgramApi } from '../kit/program-api.ts';
import { scrollable } from '../kit/scrollable.ts';
import type { Act } from './fleet-types.ts';
import type { Speech } from './shown.ts';

const ACTS_READ = 200;
type OperatorRow = { readonly name: string; readonly role: 'view' | 'operate'; readonly addedAt: string };

interface AuditPageProps extends Speech {
  readonly api: ProgramApi;
  readonly mayAct: boolean;
  /** Grows when something happened. */
  readonly changes: number;
}

export function AuditPage({ api, mayAct, changes, language, words }: AuditPageProps) {
  const { audit } = words;
  const [log, setLog] = useState<{ intact: boolean; acts: readonly Act[] }>({ intact: true, acts: [] });
  useEffect(() => {
    api
      .call<typeof log>(`/v1/audit?limit=${ACTS_READ}`)
      .then(setLog)
      .catch(() => undefined);
  }, [api, changes]);
  return (
    <section class="stack">
      {mayAct ? <Operators api={api} changes={changes} language={language} words={words} /> : null}
      <p class={`note ${log.intact ? 'well' : 'bad'}`}>{log.intact ? audit.intact : audit.broken}</p>
      {log.acts.length === 0 ? (
        <p class="card quiet">{audit.none}</p>
      ) : (
        <div class="card scroll" {...scrollable}>
          <table>
            <thead>
              <tr>
                <th scope="col">{audit.when}</th>
                <th scope="col">{audit.who}</th>
                <th scope="col">{audit.what}</th>
                <th scope="col">{audit.subject}</th>
                <th scope="col">{audit.outcome}</th>
              </tr>
            </thead>
            <tbody>
              {log.acts.map((act) => (
                <tr key={act.n}>
                  <td>{moment(language, act.at)}</td>
                  <td>{act.who}</td>
                  <td>{audit.acts[act.what] ?? act.what}</td>
                  <td>{act.subject}</td>
                  <td>{act.outcome === 'done' ? audit.done : act.outcome}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Operators({ api, changes, words }: Speech & { api: ProgramApi; changes: number }) {
  const { audit } = words;
  const [rows, setRows] = useState<readonly OperatorRow[]>([]);
  const [name, setName] = useState('');
  const [role, setRole] = useState<'view' | 'operate'>('view');
  const [made, setMade] = useState<{ readonly name: string; readonly token: string }>();
  const [said, setSaid] = useState('');
  useEffect(() => {
    api
      .call<{ operators: OperatorRow[] }>('/v1/operators')
      .then(({ operators }) => setRows(operators))
      .catch(() => undefined);
  }, [api, changes]);
  const act = async (path: string, body?: unknown) => {
    setSaid('');
    try {
      const answer = await api.call<{ name: string; token?: string }>(path, { method: 'POST', body });
      setMade(answer.token === undefined ? undefined : { name: answer.name, token: answer.token });
      setName('');
    } catch (error) {
      setSaid(words.failed((error as Error).message));
    }
  };
  return (
    <form
      class="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        void act('/v1/operators', { name: name.trim(), role });
      }}
    >
      <h2>{audit.tokens}</h2>
      <ul class="plain">
        {rows.map((row) => (
          <li key={row.name} class="row">
            <strong>{row.name}</strong> <span class="quiet">{audit[row.role]}</span>
            <button
              type="button"
              class="danger"
              onClick={() => void act(`/v1/operators/${encodeURIComponent(row.name)}/revoke`)}
            >
              {audit.end} <span class="spoken">{audit.endOf(row.name)}</span>
            </button>
          </li>
        ))}
      </ul>
      <div class="tools">
        <label class="field">
          {audit.name}
          <input
            required
            maxLength={32}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          {audit.role}
          <select value={role} onChange={(event) => setRole(event.currentTarget.value as 'view' | 'operate')}>
            <option value="view">{audit.view}</option>
            <option value="operate">{audit.operate}</option>
          </select>
        </label>
        <button type="submit" class="main">
          {audit.add}
        </button>
      </div>
      <div role="status">
        {made === undefined ? null : (
          <>
            {audit.shown(made.name)} <code class="token">{made.token}</code>
          </>
        )}
      </div>
      <p role="alert">{said}</p>
    </form>
  );
}
