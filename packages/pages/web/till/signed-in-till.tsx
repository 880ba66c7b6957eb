/** The till of whoever is signed in: a strip of states, four views, and the keys that reach everything. */
import { useEffect, useState } from 'preact/hooks';
import type { Reach } from '../kit/api.ts';
import { LanguageSwitch } from '../kit/language.tsx';
import type { Language } from '../kit/words.ts';
import { DetailsView } from './details-view.tsx';
import { useKeys } from './keys.ts';
import { isUnderWay } from './payment.ts';
import type { Person } from './person.ts';
import { RefundView } from './refund-view.tsx';
import { SaleView } from './sale-view.tsx';
import { ShiftView } from './shift-view.tsx';
import { StatusStrip } from './status-strip.tsx';
import { Till, type TillState, type View } from './till.ts';
import { type Speech, tillWords } from './till-words.ts';

const VIEWS: readonly View[] = ['sale', 'refund', 'shift', 'details'];

export interface SignedInTillProps {
  readonly reach: Reach;
  readonly token: string;
  /** Whoever signed in with a PIN. */
  readonly person?: Person;
  readonly onLock?: () => void;
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

export function SignedInTill({
  reach,
  token,
  person,
  language,
  onLanguage,
  onRefused,
  onSignOut,
  onLock,
}: SignedInTillProps) {
  const [till] = useState(() => new Till(reach, token));
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
    <div class={person === undefined ? 'till' : 'till personal'}>
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
        {person !== undefined && (
          <button
            type="button"
            class="who"
            data-key="F7"
            title={words.person.lockOf(person.employee.name)}
            disabled={isUnderWay(state.payment)}
            onClick={onLock}
          >
            <b>{person.employee.name}</b> <span>{words.person.lock}</span>
          </button>
        )}
        <LanguageSwitch language={language} onLanguage={onLanguage} />
      </header>
      <StatusStrip {...part} />
      <div class="notices" role="status" aria-live="polite">
        {state.notice !== undefined && (
          <p class={`note ${state.notice.level}`}>{state.notice.say(words, language)}</p>
        )}
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
