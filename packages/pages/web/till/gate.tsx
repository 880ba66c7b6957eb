/**
 * Before the till: where the chain has employees, somebody signs in with a PIN first; where it has none, the till's own token is enough.
 *
 *     till's token ──no employees──> till
 *          └──employees──> names ──name──> PIN ──right──> till as that person ──lock, idle, ended──> names
 *
 * A node that is away cannot be asked: then the page of the till opens as it is and says so; whoever had signed in stays.
 */
import { TillClient } from '@branchline/client';
import type { Employee } from '@branchline/model';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { browserClock, browserRandom, Reach } from '../kit/api.ts';
import type { Language } from '../kit/words.ts';
import { isUnderWay } from './payment.ts';
import { forgetPerson, keepPerson, knownPerson, type Person } from './person.ts';
import { PinPanel } from './pin-panel.tsx';
import { SignedInTill } from './signed-in-till.tsx';
import { recall } from './till-memory.ts';

export interface GateProps {
  readonly token: string;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  /** The till's own token is of no use. */
  readonly onRefused: () => void;
  readonly onSignOut: () => void;
}

/** Why nobody is signed in any more. */
export type Ended = 'locked' | 'idle' | 'ended';

export function Gate({ token, language, onLanguage, onRefused, onSignOut }: GateProps) {
  const reach = useMemo(() => new Reach(), []);
  const clientOf = (bearer: string): TillClient =>
    new TillClient({
      url: location.origin,
      token: bearer,
      clock: browserClock,
      random: browserRandom,
      fetch: reach.fetch,
    });
  const client = useMemo(() => clientOf(token), [token]);
  const [people, setPeople] = useState<readonly Employee[] | undefined>();
  const [person, setPerson] = useState<Person | undefined>(() => knownPerson(sessionStorage, token));
  const [ended, setEnded] = useState<Ended | undefined>();

  useEffect(() => {
    const stop = new AbortController();
    const ask = (): void => {
      client.employees({ signal: stop.signal }).then(
        (all) => setPeople(all.filter(({ active }) => active)),
        (error: unknown) => {
          if ((error as { code?: string }).code === 'UNAUTHENTICATED') {
            onRefused();
          } else if (!stop.signal.aborted) {
            setPeople((known) => known ?? []);
          }
        },
      );
    };
    const unwatch = reach.watch((isHere) => isHere && ask());
    ask();
    return () => {
      unwatch();
      stop.abort();
    };
  }, [client]);

  const leave = (why: Ended): void => {
    if (person !== undefined && why !== 'ended') {
      void clientOf(person.token)
        .signOut()
        .catch(() => undefined);
    }
    forgetPerson(sessionStorage);
    setPerson(undefined);
    setEnded(why);
  };
  useIdle(person?.idleSeconds, () => !isUnderWay(recall(localStorage).payment) && leave('idle'));

  if (person !== undefined || people?.length === 0) {
    const bearer = person?.token ?? token;
    return (
      <SignedInTill
        key={bearer}
        reach={reach}
        token={bearer}
        language={language}
        onLanguage={onLanguage}
        onRefused={person === undefined ? onRefused : () => leave('ended')}
        onSignOut={() => {
          forgetPerson(sessionStorage);
          onSignOut();
        }}
        {...(person === undefined ? {} : { person, onLock: () => leave('locked') })}
      />
    );
  }
  return (
    <PinPanel
      client={client}
      people={people}
      ended={ended}
      language={language}
      onLanguage={onLanguage}
      onSignedIn={(signedIn) => {
        setEnded(undefined);
        setPerson(keepPerson(sessionStorage, token, signedIn));
      }}
    />
  );
}

/** The page asks the node all the time, so the node cannot see that nobody is there: keys and taps are counted here. */
function useIdle(seconds: number | undefined, onIdle: () => void): void {
  useEffect(() => {
    if (seconds === undefined) {
      return;
    }
    let lastMs = performance.now();
    const touched = (): void => {
      lastMs = performance.now();
    };
    const looks = setInterval(() => performance.now() - lastMs >= seconds * 1_000 && onIdle(), 1_000);
    addEventListener('pointerdown', touched, true);
    addEventListener('keydown', touched, true);
    return () => {
      clearInterval(looks);
      removeEventListener('pointerdown', touched, true);
      removeEventListener('keydown', touched, true);
    };
  }, [seconds, onIdle]);
}
