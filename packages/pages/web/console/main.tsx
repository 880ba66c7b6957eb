/** The operator's console: signed in or not, live or not, and which part is shown. */
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import '../kit/kit.css';
import './console.css';
import { kitWords } from '../kit/kit-words.ts';
import { LanguageSwitch, useLanguage } from '../kit/language.tsx';
import { gigabytes } from '../kit/numbers.ts';
import { ProgramApi } from '../kit/program-api.ts';
import { forgetToken, keepToken, knownToken, SignIn } from '../kit/sign-in.tsx';
import type { Language } from '../kit/words.ts';
import { AlarmsPage } from './alarms-page.tsx';
import { AuditPage } from './audit-page.tsx';
import { BranchPage } from './branch-page.tsx';
import { consoleWords } from './console-words.ts';
import { EnrolPage } from './enrol-page.tsx';
import { FleetGrid } from './fleet-grid.tsx';
import { type Fleet, FleetSource } from './fleet-source.ts';
import { keyOf, passes } from './trouble.ts';
import { WaitingPage, waitingCount } from './waiting-page.tsx';

const TICK_MS = 10_000;
const EMPTY: Fleet = { link: 'opening', relay: undefined, rows: [], happenings: [], changedMs: 0 };
const tabs = ['fleet', 'waiting', 'alarms', 'enrol', 'audit'] as const;
type Tab = (typeof tabs)[number];

function Console() {
  const [language, setLanguage] = useLanguage();
  const [token, setToken] = useState(() => knownToken('console'));
  const [refusal, setRefusal] = useState('');
  const words = consoleWords[language];
  if (token === undefined) {
    return (
      <SignIn
        language={language}
        onLanguage={setLanguage}
        title={words.signInTitle}
        hint={words.signInHint}
        refusal={refusal}
        onToken={(given) => {
          keepToken('console', given);
          setRefusal('');
          setToken(given);
        }}
      />
    );
  }
  const leave = (why: string) => {
    forgetToken('console');
    setRefusal(why);
    setToken(undefined);
  };
  return (
    <Signed
      token={token}
      language={language}
      onLanguage={setLanguage}
      onRefused={() => leave(words.signInRefused)}
      onLeave={() => leave('')}
    />
  );
}

interface SignedProps {
  readonly token: string;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  readonly onRefused: () => void;
  readonly onLeave: () => void;
}

function Signed({ token, language, onLanguage, onRefused, onLeave }: SignedProps) {
  const words = consoleWords[language];
  const speech = { language, words };
  const api = useMemo(() => new ProgramApi(token), [token]);
  const [fleet, setFleet] = useState(EMPTY);
  const [mayAct, setMayAct] = useState(false);
  const [tab, setTab] = useState<Tab>('fleet');
  const [open, setOpen] = useState<string>();
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const source = new FleetSource(api);
    const unwatch = source.watch((next) => {
      setFleet(next);
      if (next.link === 'refused') {
        onRefused();
      }
    });
    void source.run();
    api
      .call<{ role: string }>('/v1/self')
      .then(({ role }) => setMayAct(role === 'operate'))
      .catch(() => undefined);
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => {
      unwatch();
      source.stop();
      clearInterval(timer);
    };
  }, [api]);
  useEffect(() => {
    document.title = `${words.title} · Branchline`;
  }, [words]);
  const { rows, relay } = fleet;
  const members = rows.filter(
    ({ state }) => state !== 'invited' && state !== 'revoked' && state !== 'succeeded',
  );
  const online = members.filter((row) => row.online).length;
  const troubled = members.filter((row) => passes(row, 'trouble')).length;
  const counts: Partial<Record<Tab, number>> = {
    alarms: rows.reduce((sum, { alarms }) => sum + alarms.length, 0),
    waiting: waitingCount(rows),
  };
  const shown = rows.find((row) => keyOf(row) === open);
  return (
    <div class="console">
      <header class="top">
        <h1>{relay?.tenant ?? words.title}</h1>
        <p role="status">
          <span class={`chip ${fleet.link === 'live' ? 'well' : 'notice'}`}>{words.link[fleet.link]}</span>{' '}
          {words.summary(online, members.length)}, {words.troubled(troubled)}
          {relay === undefined ? '' : `, ${words.relayDisk(gigabytes(language, relay.disk.freeBytes))}`}
        </p>
        <span class="grow" />
        <LanguageSwitch language={language} onLanguage={onLanguage} />
        <button type="button" onClick={onLeave}>
          {kitWords[language].signOut}
        </button>
      </header>
      <nav class="tabs" aria-label={words.details}>
        {tabs.map((each) => (
          <button
            type="button"
            key={each}
            aria-current={each === tab ? 'page' : undefined}
            onClick={() => {
              setTab(each);
              setOpen(undefined);
            }}
          >
            {words.tabs[each]}
            {counts[each] ? <span class="badge">{counts[each]}</span> : null}
          </button>
        ))}
      </nav>
      {mayAct || fleet.link !== 'live' ? null : <p class="note notice">{words.viewOnly}</p>}
      <main>
        {shown !== undefined ? (
          <BranchPage
            {...speech}
            row={shown}
            nowMs={nowMs}
            api={api}
            mayAct={mayAct}
            onBack={() => setOpen(undefined)}
          />
        ) : tab === 'fleet' ? (
          <FleetGrid {...speech} rows={rows} nowMs={nowMs} onOpen={setOpen} />
        ) : tab === 'waiting' ? (
          <WaitingPage {...speech} rows={rows} onOpen={setOpen} />
        ) : tab === 'alarms' ? (
          <AlarmsPage {...speech} rows={rows} nowMs={nowMs} happenings={fleet.happenings} onOpen={setOpen} />
        ) : tab === 'enrol' ? (
          <EnrolPage {...speech} api={api} rows={rows} mayAct={mayAct} />
        ) : (
          <AuditPage {...speech} api={api} mayAct={mayAct} changes={fleet.happenings.length} />
        )}
      </main>
    </div>
  );
}

render(<Console />, document.getElementById('page')!);
