/** What the relay needs from the world; `main.ts` and tests hand it in. */
import type { Disk } from '@branchline/feed';
import type { Clock, Random } from 'hlc-ts';
import type { Logger } from 'pino';

export interface RelayPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Where the journal is written. */
  readonly disk: Disk;
  readonly log: Logger;
}
