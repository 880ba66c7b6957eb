/**
 * An open conversation with a Shtrih-M device, whichever of the two protocols it speaks.
 *
 * `exchange` gives the answer to exactly this message or throws a `KktError` whose outcome says what is known: `unsent` when
 * the device certainly never had it, `unknown` when it may have carried it out. A message is given twice only where it is
 * `repeatable`, or where the device itself proves that it had not been carried out.
 */
export interface ShtrihLink {
  readonly protocol: 'v1' | 'v2';
  exchange(message: Uint8Array, options: ExchangeOptions): Promise<Uint8Array>;
}

export interface ExchangeOptions {
  /** How long the device may take to answer. */
  readonly limitMs: number;
  /** Reads only: doing it twice changes nothing. */
  readonly isRepeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Whether an answer begins with the command of the request. */
export function answersTo(request: Uint8Array, answer: Uint8Array): boolean {
  const isLong = request[0] === 0xff;
  return answer[0] === request[0] && (!isLong || answer[1] === request[1]);
}
