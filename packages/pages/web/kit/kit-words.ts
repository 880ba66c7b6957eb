/** Words of what all pages share. */
import type { TableOf, Tables } from './words.ts';

const en = {
  token: 'Token',
  signIn: 'Sign in',
  signOut: 'Sign out',
  language: 'Language',
};

export const kitWords: Tables<TableOf<typeof en>> = {
  en,
  ru: { token: 'Токен', signIn: 'Войти', signOut: 'Выйти', language: 'Язык' },
  es: { token: 'Token', signIn: 'Entrar', signOut: 'Salir', language: 'Idioma' },
};
