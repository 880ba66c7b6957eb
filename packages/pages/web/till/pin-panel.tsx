/** Who works here: a name, then the PIN, by keyboard or on the digits of the screen. Refusals are told in words, with the time to wait. */
import type { TillClient } from '@branchline/client';
import type { Employee, SignedIn } from '@branchline/model';
import { useEffect, useRef, useState } from 'preact/hooks';
import { LanguageSwitch } from '../kit/language.tsx';
import { duration } from '../kit/numbers.ts';
import { problemWords } from '../kit/problem-words.ts';
import type { Language } from '../kit/words.ts';
import type { Ended } from './gate.tsx';
import { isUnderWay } from './payment.ts';
import { recall } from './till-memory.ts';
import { tillWords } from './till-words.ts';

const PIN_DIGITS_MIN = 4;
const PIN_DIGITS_MAX = 12;
const DIGITS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'] as const;

export interface PinPanelProps {
  readonly client: TillClient;
  /** Undefined: not known yet. */
  readonly people: readonly Employee[] | undefined;
  readonly ended: Ended | undefined;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  readonly onSignedIn: (signedIn: SignedIn) => void;
}

export function PinPanel({ client, people, ended, language, onLanguage, onSignedIn }: PinPanelProps) {
  const words = tillWords[language];
  const said = words.person;
  const [chosen, setChosen] = useState<Employee>();
  const isPaying = isUnderWay(recall(localStorage).payment);
  return (
    <main class="sign-in people">
      <h1>{said.title}</h1>
      {isPaying ? (
        <p class="note notice">{said.paying}</p>
      ) : (
        ended !== undefined && <p class="quiet">{said.ended[ended]}</p>
      )}
      {people === undefined ? (
        <p class="quiet">{words.loading}</p>
      ) : chosen === undefined ? (
        <Names people={people} label={said.who} onChosen={setChosen} />
      ) : (
        <Pin
          key={chosen.id}
          client={client}
          employee={chosen}
          language={language}
          onBack={() => setChosen(undefined)}
          onSignedIn={onSignedIn}
        />
      )}
      <LanguageSwitch language={language} onLanguage={onLanguage} />
    </main>
  );
}

function Names({
  people,
  label,
  onChosen,
}: {
  readonly people: readonly Employee[];
  readonly label: string;
  readonly onChosen: (employee: Employee) => void;
}) {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current?.querySelector('button')?.focus();
  }, []);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (step !== 0 && buttons.length > 0) {
      event.preventDefault();
      buttons[(at + step + buttons.length) % buttons.length]?.focus();
    }
  };
  return (
    <ul class="plain-list names" aria-label={label} ref={list} onKeyDown={onKeyDown}>
      {people.map((employee) => (
        <li key={employee.id}>
          <button type="button" class="big" onClick={() => onChosen(employee)}>
            {employee.name}
          </button>
        </li>
      ))}
    </ul>
  );
}

interface PinProps {
  readonly client: TillClient;
  readonly employee: Employee;
  readonly language: Language;
  readonly onBack: () => void;
  readonly onSignedIn: (signedIn: SignedIn) => void;
}

function Pin({ client, employee, language, onBack, onSignedIn }: PinProps) {
  const words = tillWords[language];
  const said = words.person;
  const [pin, setPin] = useState('');
  const [isAsking, setAsking] = useState(false);
  const [refusal, setRefusal] = useState<{ code: string; detail: string; waitMs: number }>();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // On a touch screen the digits below are there instead of a keyboard over them.
    if (matchMedia('(pointer: fine)').matches) {
      field.current?.focus();
    }
  }, [isAsking]);
  const isReady = !isAsking && pin.length >= PIN_DIGITS_MIN;
  const type = (digit: string): void => setPin((typed) => (typed + digit).slice(0, PIN_DIGITS_MAX));
  const enter = async (): Promise<void> => {
    setAsking(true);
    setRefusal(undefined);
    try {
      onSignedIn(await client.signIn(employee.id, pin));
    } catch (error) {
      const {
        code = 'INTERNAL',
        message: detail = '',
        retryAfterSeconds = 0,
      } = error as Partial<Error> & {
        code?: string;
        retryAfterSeconds?: number;
      };
      setRefusal({ code, detail, waitMs: retryAfterSeconds * 1_000 });
      setPin('');
      setAsking(false);
    }
  };
  return (
    <form
      class="pin"
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady) {
          void enter();
        }
      }}
      onKeyDown={(event) => event.key === 'Escape' && onBack()}
    >
      <label for="pin">{said.pinOf(employee.name)}</label>
      <input
        id="pin"
        ref={field}
        class="number big"
        type="password"
        inputMode="none"
        autocomplete="off"
        maxLength={PIN_DIGITS_MAX}
        value={pin}
        disabled={isAsking}
        aria-describedby="pin-refusal"
        onInput={(event) => setPin(event.currentTarget.value.replaceAll(/\D/g, '').slice(0, PIN_DIGITS_MAX))}
      />
      <p id="pin-refusal" role="alert">
        {refusal !== undefined && (
          <span class="note bad">
            {problemWords(language, refusal.code, refusal.detail)}{' '}
            {refusal.waitMs > 0 && said.wait(duration(language, refusal.waitMs))}
          </span>
        )}
      </p>
      <fieldset class="digits" aria-label={said.digits}>
        {DIGITS.map((digit) => (
          <button key={digit} type="button" class="big" disabled={isAsking} onClick={() => type(digit)}>
            {digit}
          </button>
        ))}
        <button
          type="button"
          class="big"
          aria-label={said.erase}
          disabled={isAsking || pin === ''}
          onClick={() => setPin(pin.slice(0, -1))}
        >
          ←
        </button>
      </fieldset>
      <div class="two">
        <button type="button" class="big" onClick={onBack}>
          {said.other}
        </button>
        <button type="submit" class="main big" disabled={!isReady}>
          {said.enter}
        </button>
      </div>
    </form>
  );
}
