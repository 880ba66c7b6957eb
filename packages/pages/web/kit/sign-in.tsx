/**
 * Who is at this page: a token, pasted once or brought by a link `…/#token=…`, kept in this browser under the name of the page.
 *
 * A token in a link stays out of requests (it is behind the #) and is taken off the address at once, so that it is neither
 * bookmarked nor shown to the next customer.
 */
import { useState } from 'preact/hooks';
import { kitWords } from './kit-words.ts';
import { LanguageSwitch } from './language.tsx';
import type { Language } from './words.ts';

export type PageKind = 'till' | 'hq' | 'console';

const keyOf = (page: PageKind): string => `branchline.${page}.token`;

/** From the link, else from the last time. */
export function knownToken(page: PageKind): string | undefined {
  const given = /^#token=([^&\s]+)$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    history.replaceState(null, '', location.pathname + location.search);
    keepToken(page, decodeURIComponent(given));
  }
  return localStorage.getItem(keyOf(page)) ?? undefined;
}

export function keepToken(page: PageKind, token: string): void {
  localStorage.setItem(keyOf(page), token);
}

export function forgetToken(page: PageKind): void {
  localStorage.removeItem(keyOf(page));
}

export interface SignInProps {
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  readonly title: string;
  /** What kind of token, and where it comes from. */
  readonly hint: string;
  /** Why the last one was not taken. */
  readonly refusal?: string | undefined;
  readonly onToken: (token: string) => void;
}

export function SignIn({ language, onLanguage, title, hint, refusal, onToken }: SignInProps) {
  const words = kitWords[language];
  const [token, setToken] = useState('');
  return (
    <main class="sign-in">
      <h1>{title}</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== '') {
            onToken(token.trim());
          }
        }}
      >
        <label for="token">{words.token}</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={token}
          aria-describedby="token-hint"
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <p id="token-hint" class="quiet">
          {hint}
        </p>
        <p role="alert">{refusal}</p>
        <button type="submit" class="main">
          {words.signIn}
        </button>
      </form>
      <LanguageSwitch language={language} onLanguage={onLanguage} />
    </main>
  );
}
