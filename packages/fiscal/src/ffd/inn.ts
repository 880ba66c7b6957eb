/** Taxpayer numbers (INN): ten digits for companies, twelve for people, the last or the last two being a checksum. */

const TEN = [2, 4, 10, 3, 5, 9, 4, 6, 8];
const ELEVENTH = [7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
const TWELFTH = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];

export function isInn(text: string): boolean {
  if (/^\d{10}$/.test(text)) return digit(text, TEN) === Number(text[9]);
  if (!/^\d{12}$/.test(text)) return false;
  return digit(text, ELEVENTH) === Number(text[10]) && digit(text, TWELFTH) === Number(text[11]);
}

/** The law's way to say that there is none, for foreign suppliers. */
export const INN_OF_NOBODY = '000000000000';

function digit(text: string, weights: readonly number[]): number {
  const sum = weights.reduce((total, weight, at) => total + weight * Number(text[at]), 0);
  return (sum % 11) % 10;
}
