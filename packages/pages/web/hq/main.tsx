/** Head office's page on a node: catalog, import, conflicts, customers, sales, shifts, transfers, outbox. */
import type { SyncStatus } from '@branchline/model';
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import '../kit/kit.css';
import './hq.css';
import { kitWords } from '../kit/kit-words.ts';
import { LanguageSwitch, useLanguage } from '../kit/language.tsx';
import { ProgramApi, Refused } from '../kit/program-api.ts';
import { forgetToken, keepToken, knownToken, SignIn } from '../kit/sign-in.tsx';
import { CatalogPart } from './catalog-part.tsx';
import { ConflictsPart } from './conflicts-part.tsx';
import { hqWords, type PartProps } from './hq-words.ts';
import { ImportPart } from './import-part.tsx';
import { CustomersPart, ShiftsPart, TransfersPart } from './lists.tsx';
import { QuarantinePart } from './quarantine-part.tsx';
import { SalesPart } from './sales-part.tsx';

const parts = {
  catalog: CatalogPart,
  import: ImportPart,
  conflicts: ConflictsPart,
  customers: CustomersPart,
  sales: SalesPart,
  shifts: ShiftsPart,
  transfers: TransfersPart,
  quarantine: QuarantinePart,
} as const;
type Part = keyof typeof parts;
const names = Object.keys(parts) as Part[];

/** `#conflicts/ID`: a part, and what in it is asked about. */
function placeOf(hash: string): { readonly part: Part; readonly about: string | undefined } {
  const [wanted, about] = hash.slice(1).split('/');
  const part = names.find((name) => name === wanted) ?? 'catalog';
  return { part, about: about === undefined ? undefined : decodeURIComponent(about) };
}

function Office() {
  const [language, setLanguage] = useLanguage();
  const words = hqWords[language];
  const [token, setToken] = useState(() => knownToken('hq'));
  const [refusal, setRefusal] = useState('');
  const [{ part, about }, setPlace] = useState(() => placeOf(location.hash));
  const [self, setSelf] = useState<SyncStatus>();
  const [isAway, setIsAway] = useState(false);
  const api = useMemo(() => new ProgramApi(token ?? ''), [token]);
  useEffect(() => {
    document.title = `${words.title} · Branchline`;
  }, [words]);
  useEffect(() => {
    const follow = () => setPlace(placeOf(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  useEffect(() => {
    if (token === undefined) {
      return;
    }
    api
      .call<SyncStatus>('/v1/sync')
      .then((status) => {
        setSelf(status);
        setIsAway(false);
      })
      .catch((error: unknown) => {
        if (error instanceof Refused && error.status === 401) {
          forgetToken('hq');
          setRefusal(words.signInRefused);
          setToken(undefined);
        } else {
          setIsAway(true);
        }
      });
  }, [api, token]);
  if (token === undefined) {
    return (
      <SignIn
        language={language}
        onLanguage={setLanguage}
        title={words.title}
        hint={words.signInHint}
        refusal={refusal}
        onToken={(given) => {
          keepToken('hq', given);
          setRefusal('');
          setToken(given);
        }}
      />
    );
  }
  const Shown: (props: PartProps) => preact.JSX.Element = parts[part];
  const isOffice = self?.role === 'hq';
  return (
    <div class="office">
      <header>
        <h1>
          {words.title} {self === undefined ? '' : `· ${self.tenant} ${self.branch}`}
        </h1>
        <span class="grow" />
        <LanguageSwitch language={language} onLanguage={setLanguage} />
        <button
          type="button"
          onClick={() => {
            forgetToken('hq');
            setToken(undefined);
            setSelf(undefined);
          }}
        >
          {kitWords[language].signOut}
        </button>
      </header>
      {self !== undefined && !isOffice ? <p class="note notice">{words.notOffice(self.branch)}</p> : null}
      {isAway ? (
        <p class="note bad" role="alert">
          {words.away}
        </p>
      ) : null}
      <nav aria-label={words.title}>
        {names.map((name) => (
          <button
            type="button"
            key={name}
            aria-current={name === part ? 'page' : undefined}
            onClick={() => {
              location.hash = name;
            }}
          >
            {words.tabs[name]}
          </button>
        ))}
      </nav>
      <main>
        {self === undefined ? (
          <p>{words.loading}</p>
        ) : (
          <Shown key={part} api={api} language={language} words={words} about={about} isOffice={isOffice} />
        )}
      </main>
    </div>
  );
}

render(<Office />, document.getElementById('page')!);
