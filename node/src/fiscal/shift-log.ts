/**
 * Sales and refunds of this device in a stretch of time, read from its own feed: what a shift adds up to is what the log says, not
 * what somebody counted along the way. What was read for the shift that is open is kept, so a look costs what came since.
 */
import { decodeEntry, type FeedName, type FeedStore } from '@branchline/feed';
import { vatKind } from '@branchline/model';
import { formatStamp } from 'hlc-ts';
import { z } from 'zod';
import { type SettlementFacts, vatOf } from './shift-totals.ts';

/** Bytes of one read. */
const READ_BYTES = 256 * 1024;
/** Entries gone back at a time while the beginning of a shift is looked for. */
const BACK_ENTRIES = 512;

export interface ShiftLogOptions {
  readonly store: Pick<FeedStore, 'read' | 'feeds'>;
  /** The orders this device writes. */
  readonly feed: FeedName;
}

export interface Settled extends SettlementFacts {
  readonly at: string;
  readonly receipt: string;
}

interface Kept {
  readonly from: string;
  readonly settled: Settled[];
  nextSeq: number;
}

export class ShiftLog {
  readonly #options: ShiftLogOptions;
  #kept: Kept | undefined;

  constructor(options: ShiftLogOptions) {
    this.#options = options;
  }

  /** From one stamp to another, both included. */
  async between(from: string, to: string | undefined): Promise<Settled[]> {
    if (this.#kept?.from !== from) {
      this.#kept = { from, settled: [], nextSeq: await this.#firstSeq(from) };
    }
    const kept = this.#kept;
    kept.nextSeq = await this.#read(kept.nextSeq, (facts) => kept.settled.push(facts));
    return kept.settled.filter(({ at }) => at >= from && (to === undefined || at <= to));
  }

  /** Of an entry not later than the first that counts. */
  async #firstSeq(from: string): Promise<number> {
    const bounds = this.#options.store.feeds().get(this.#options.feed);
    if (bounds === undefined) {
      return 1;
    }
    const { head, base } = bounds;
    for (let seq = head.seq; seq > base.seq; seq -= BACK_ENTRIES) {
      const run = await this.#options.store.read(this.#options.feed, seq, 1);
      const bytes = run?.entries[0];
      if (bytes !== undefined && formatStamp(decodeEntry(this.#options.feed, seq, bytes).hlc) < from) {
        return seq;
      }
    }
    return base.seq + 1;
  }

  async #read(from: number, take: (facts: Settled) => void): Promise<number> {
    for (let seq = from; ; ) {
      const run = await this.#options.store.read(this.#options.feed, seq, READ_BYTES);
      if (run === undefined || run.entries.length === 0) {
        return seq;
      }
      for (const bytes of run.entries) {
        const facts = factsOf(decodeEntry(this.#options.feed, seq, bytes));
        if (facts !== undefined) {
          take(facts);
        }
        seq += 1;
      }
    }
  }
}

/** Of a sale and of a refund alike; anything else there is no settlement. */
const settlement = z.looseObject({
  refundOf: z.string().optional(),
  till: z.string(),
  totalMinor: z.int(),
  changeMinor: z.int().default(0),
  payments: z.array(z.looseObject({ kind: z.string(), amountMinor: z.int() })),
  lines: z.array(z.looseObject({ vat: vatKind, totalMinor: z.int() })),
  vat: z.array(z.looseObject({ vat: vatKind, totalMinor: z.int(), vatMinor: z.int() })).optional(),
  receipt: z.looseObject({ id: z.string() }),
});

function factsOf({ kind, hlc, body }: ReturnType<typeof decodeEntry>): Settled | undefined {
  const parsed = settlement.safeParse(body);
  if ((kind !== 'order' && kind !== 'refund') || !parsed.success) {
    return undefined;
  }
  const { refundOf, till, totalMinor, changeMinor, payments, lines, vat, receipt } = parsed.data;
  return {
    kind: kind === 'refund' || refundOf !== undefined ? 'refund' : 'sale',
    at: formatStamp(hlc),
    receipt: receipt.id,
    till,
    totalMinor,
    changeMinor,
    payments,
    vat: vat ?? vatOf(lines),
  };
}
