/** The whole page: signed out it asks for a token; signed in it is a strip of states, four views, and the keys that reach everything. */
import { useEffect, useState } from 'preact/hooks';
import { Reach } from '../kit/api.ts';
import { LanguageSwitch, useLanguage } from '../kit/language.tsx';
import { forgetToken, keepToken, knownToken, SignIn } from '../kit/sign-in.tsx';
import type { Language } from '../kit/words.ts';
import { DetailsView } from './details-view.tsx';
import { useKeys } from './keys.ts';
import { isUnderWay } from './payment.ts';
import { RefundView } from './refund-view.tsx';
import { SaleView } from './sale-view.tsx';
import { ShiftView } from './shift-view.tsx';
import { StatusStrip } from './status-strip.tsx';
import { Till, type TillState, type View } from './till.ts';
import { recall } from './till-memory.ts';
import { type Speech, tillWords } from './till-words.ts';

const PAGE = 'till';
const VIEWS: readonly View[] = ['sale', 'refund', 'shift', 'details'];

export function TillPage() {
  const [language, setLanguage] = useLanguage();
  const [token, setToken] = useState(() => knownToken(PAGE));
  const [isRefused, setRefused] = useState(false);
  const words = tillWords[language];
  useEffect(() => {
    document.title = `Branchline · ${words.title}`;
  }, [words]);
  useEffect(() => {
    // A link with a token, opened while the page is open.
    const take = () => setToken(knownToken(PAGE));
    addEventListener('hashchange', take);
    return () => removeEventListener('hashchange', take);
  }, []);
  if (token === undefined || isRefused) {
    const isWaiting = isUnderWay(recall(localStorage).payment);
    return (
      <SignIn
        language={language}
        onLanguage={setLanguage}
        title={`Branchline · ${words.title}`}
        hint={words.hint}
        refusal={isRefused ? (isWaiting ? words.tokenRefusedPaying : words.tokenRefused) : undefined}
        onToken={(given) => {
          keepToken(PAGE, given);
          setToken(given);
          setRefused(false);
        }}
      />
    );
  }
  return (
    <SignedIn
      key={token}
      token={token}
      language={language}
      onLanguage={setLanguage}
      onRefused={() => setRefused(true)}
      onSignOut={() => {
        forgetToken(PAGE);
        setToken(undefined);
      }}
    />
  );
}

interface SignedInProps {
  readonly token: string;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  readonly onRefused: () => void;
  readonly onSignOut: () => void;
}

/** What every part of the page gets. */
export interface PartProps extends Speech {
  readonly till: Till;
  readonly state: TillState;
}

function SignedIn({ token, language, onLanguage, onRefused, onSignOut }: SignedInProps) {
  const [till] = useState(() => new Till(new Reach(), token));
  const [state, setState] = useState(till.state);
  useEffect(() => {
    const unwatch = till.watch(() => setState(till.state));
    till.start();
    return () => {
      unwatch();
      till.close();
    };
  }, [till]);
  useEffect(() => {
    if (state.isSignedOut) {
      onRefused();
    }
  }, [state.isSignedOut]);
  useKeys(till);
  const words = tillWords[language];
  const part: PartProps = { till, state, language, words };
  return (
    <div class="till">
      <header class="top">
        <h1>
          <span class="mark">Branchline</span>{' '}
          {state.me === undefined ? words.title : `${state.me.branch} · ${state.me.till}`}
        </h1>
        <nav aria-label={words.nav.main}>
          {VIEWS.map((view) => (
            <button
              key={view}
              type="button"
              class="plain"
              aria-current={state.view === view ? 'page' : undefined}
              onClick={() => till.set({ view, notice: undefined })}
            >
              {words.nav[view]}
            </button>
          ))}
        </nav>
        <LanguageSwitch language={language} onLanguage={onLanguage} />
      </header>
      <StatusStrip {...part} />
      <div class="notices" role="status" aria-live="polite">
        {state.notice !== undefined && <p class={`note ${state.notice.level}`}>{state.notice.say(words)}</p>}
      </div>
      <main>
        {state.view === 'sale' && <SaleView {...part} />}
        {state.view === 'refund' && <RefundView {...part} />}
        {state.view === 'shift' && <ShiftView {...part} />}
        {state.view === 'details' && <DetailsView {...part} onSignOut={onSignOut} />}
      </main>
    </div>
  );
}
