/**
 * Languages of the pages, and how a page's words are kept: one table per language of the same type, so that a word missing in one
 * of them does not compile. A word with a number or a name in it is a function.
 */

export const languages = ['en', 'ru', 'es'] as const;
export type Language = (typeof languages)[number];

/** Each language in its own words. */
export const languageNames: Readonly<Record<Language, string>> = {
  en: 'English',
  ru: 'Русский',
  es: 'Español',
};

/** The type other languages have to satisfy, from the first table: texts are any text, functions keep their arguments. */
export type TableOf<Table> = {
  readonly [Word in keyof Table]: Table[Word] extends string
    ? string
    : Table[Word] extends (...values: infer Values) => string
      ? (...values: Values) => string
      : TableOf<Table[Word]>;
};

export type Tables<Words> = Readonly<Record<Language, Words>>;

/** The first language of the browser that the pages know. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const found = languages.find((language) => tag.toLowerCase().startsWith(language));
    if (found !== undefined) {
      return found;
    }
  }
  return 'en';
}

export interface PluralForms {
  readonly one: string;
  /** Russian: 2-4. */
  readonly few?: string;
  readonly many?: string;
  readonly other: string;
}

const rules = new Map<Language, Intl.PluralRules>();

/** The form of a noun for a number, without the number. */
export function plural(language: Language, count: number, forms: PluralForms): string {
  const rule = rules.get(language) ?? new Intl.PluralRules(language);
  rules.set(language, rule);
  const form = rule.select(count);
  return forms[form as keyof PluralForms] ?? forms.many ?? forms.other;
}
