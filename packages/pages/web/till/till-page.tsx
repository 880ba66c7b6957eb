/** The whole page: without a token of a till it asks for one; with it comes the gate, and behind that the till. */
import { useEffect, useState } from 'preact/hooks';
import { useLanguage } from '../kit/language.tsx';
import { forgetToken, keepToken, knownToken, SignIn } from '../kit/sign-in.tsx';
import { Gate } from './gate.tsx';
import { isUnderWay } from './payment.ts';
import { recall } from './till-memory.ts';
import { tillWords } from './till-words.ts';

const PAGE = 'till';

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
    <Gate
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
