/** The language of this browser's pages: chosen once, kept, and told to the document so that screen readers speak it. */
import { useEffect, useState } from 'preact/hooks';
import { kitWords } from './kit-words.ts';
import { type Language, languageNames, languages, preferredLanguage } from './words.ts';

const KEY = 'branchline.language';

export function useLanguage(): [Language, (language: Language) => void] {
  const [language, setLanguage] = useState<Language>(() => {
    const kept = localStorage.getItem(KEY);
    return languages.find((known) => known === kept) ?? preferredLanguage(navigator.languages);
  });
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return [
    language,
    (chosen) => {
      localStorage.setItem(KEY, chosen);
      setLanguage(chosen);
    },
  ];
}

export function LanguageSwitch(props: {
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
}) {
  return (
    <select
      class="language"
      aria-label={kitWords[props.language].language}
      value={props.language}
      onChange={(event) => props.onLanguage(event.currentTarget.value as Language)}
    >
      {languages.map((language) => (
        <option key={language} value={language} lang={language}>
          {languageNames[language]}
        </option>
      ))}
    </select>
  );
}
