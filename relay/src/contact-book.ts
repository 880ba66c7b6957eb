/**
 * Last contacts, kept over restarts in the index database: the fleet page must be able to say "last seen on Tuesday, 14 entries
 * behind" after the relay was restarted on Wednesday. Losing it loses nothing but that.
 */
import type { FeedName, WriterId } from '@branchline/feed';
import type { Level } from 'level';
import { z } from 'zod';
import type { Contact } from './fleet.ts';

const remembered = z.object({
  lastContactMs: z.number(),
  software: z.string(),
  remote: z.string(),
  lastCode: z.string().exactOptional(),
  takesCheckpoints: z.boolean().exactOptional(),
  held: z.array(z.tuple([z.string(), z.number()])),
});

/** What is known of a device after it left. */
export interface Remembered {
  readonly contact: Contact;
  /** Up to where it had confirmed each feed. */
  readonly held: ReadonlyMap<FeedName, number>;
}

export class ContactBook {
  readonly #rows;

  constructor(level: Level) {
    this.#rows = level.sublevel<string, unknown>('contacts', { valueEncoding: 'json' });
  }

  async read(): Promise<Map<WriterId, Remembered>> {
    const found = new Map<WriterId, Remembered>();
    for await (const [writer, value] of this.#rows.iterator()) {
      const parsed = remembered.safeParse(value);
      if (parsed.success) {
        const { held, ...contact } = parsed.data;
        found.set(writer as WriterId, {
          contact: { ...contact, online: false },
          held: new Map(held as [FeedName, number][]),
        });
      }
    }
    return found;
  }

  async write(all: ReadonlyMap<WriterId, Remembered>): Promise<void> {
    await this.#rows.batch(
      [...all].map(([writer, { contact, held }]) => {
        const { lastContactMs, software, remote, lastCode, takesCheckpoints } = contact;
        const value = { lastContactMs, software, remote, lastCode, takesCheckpoints, held: [...held] };
        return { type: 'put' as const, key: writer, value };
      }),
    );
  }
}
