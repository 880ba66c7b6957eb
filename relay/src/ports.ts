/** What the relay needs from the world; `main.ts` and tests hand it in. */
import type { Clock, Random } from 'hlc-ts';
import type { Logger } from 'pino';

export interface RelayPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}
