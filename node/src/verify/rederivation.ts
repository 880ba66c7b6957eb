/**
 * Rows made a second time from the feeds, by the same projections that made the stored ones, up to the position those cover.
 *
 * A node applies changes of others when it has time, so stored rows may lack some that are stored as pending. They are held to their
 * word: a change that stands in the feeds as it stands among the pending is left out here as well, anything else is a difference.
 */
import { createHash } from 'node:crypto';
import { type DocName, openSnapshot, parseDocName } from '@branchline/docs';
import { type Appended, type CheckpointShelf, type WriterId, writerIdOf } from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import { placeOf as checkpointPlace } from '../checkpoints/checkpoint-intake.ts';
import { ErasureBook } from '../customers/erasure-book.ts';
import { KeyRing } from '../customers/key-ring.ts';
import { EmployeeBook } from '../employees/employee-book.ts';
import { Receipts } from '../fiscal/receipts.ts';
import { ShiftBook } from '../fiscal/shift-book.ts';
import { ReplacementBook } from '../fiscal/storage-replacement/replacement-book.ts';
import { MaintenanceBook } from '../maintenance/maintenance-book.ts';
import { PosSyncBook } from '../pos-offline-sync/pos-sync-book.ts';
import { Answers } from '../projections/answers.ts';
import { ChangeRows } from '../projections/change-rows.ts';
import { CustomerBook } from '../projections/customers.ts';
import { Orders } from '../projections/orders.ts';
import { Overrides } from '../projections/overrides.ts';
import { Pricing } from '../projections/pricing.ts';
import { Products } from '../projections/products.ts';
import { Programmes } from '../projections/programmes.ts';
import { type ProjectedEntry, type Projection, Projector } from '../projections/projection.ts';
import { Reclaims } from '../projections/reclaims.ts';
import { Reservations } from '../projections/reservations.ts';
import { Returns } from '../projections/returns.ts';
import { ordinal, rowKeys } from '../projections/row-keys.ts';
import { type RowLevel, Rows } from '../projections/rows.ts';
import { Shards } from '../projections/shards.ts';
import { ShelfTasks } from '../projections/shelf-tasks.ts';
import { StockBook } from '../projections/stock.ts';
import { Tills } from '../projections/tills.ts';
import { Transfers } from '../projections/transfers.ts';
import { catalogSink } from '../read-models.ts';
import { BalanceLedger, type BalancesVerified } from './balances.ts';
import type { Difference } from './row-difference.ts';

export interface RederivationOptions {
  /** Every commit up to the position the stored rows cover. */
  readonly journal: AsyncIterable<Appended>;
  readonly stored: Rows;
  /** Empty; where the rows are made. */
  readonly level: RowLevel;
  /** Whose number series is counted. */
  readonly writer: WriterId;
  readonly clock: Clock;
  /** Checkpoints the stored rows began with: entries below them are not in the journal. */
  readonly checkpoints?: CheckpointShelf | undefined;
}

export interface Rederivation {
  readonly rows: Rows;
  readonly shards: Shards;
  /** A pending change that the feeds do not hold, or hold otherwise. */
  readonly difference: Difference | undefined;
  /** Whether business entries add up to the balances. */
  readonly balances: BalancesVerified;
}

const NO_STORE = { feeds: () => new Map(), read: async () => undefined };

export async function rederive(options: RederivationOptions): Promise<Rederivation> {
  const { journal, stored, level, writer, clock } = options;
  let failure: Error | undefined;
  const onFailure = (error: Error): void => {
    failure ??= error;
  };
  const onChanged = (): void => undefined;
  const rows = await Rows.open({ level, onFailure });
  // Branch and region say what a node shows, not what its rows hold.
  const sinks = {
    catalog: catalogSink(await Products.open({ rows, branch: '', onChanged }), await Programmes.open(rows)),
    stock: new StockBook({ rows, branch: '', onChanged }),
    // Rows hold what is personal as the documents do: no key is needed to compare them.
    loyalty: await CustomerBook.open({
      rows,
      region: '',
      writer,
      keys: await KeyRing.open({ store: NO_STORE }),
      onChanged,
    }),
  };
  const shards = await Shards.open({ rows, writer, clock, sinks, onQuarantined: onChanged, onFailure });
  const pending = await PendingAside.open(stored, shards);
  const tills = await Tills.open(rows);
  const orders = await Orders.open({ rows, writer, onAccepted: onChanged });
  const returns = await Returns.open({ rows, writer, onRefunded: onChanged });
  const goods = [
    await Reservations.open({
      rows,
      branch: '',
      nowMs: () => clock.nowMs(),
      onMade: onChanged,
      onEnded: onChanged,
    }),
    await Transfers.open({ rows, branch: '', onSent: onChanged, onReceived: onChanged }),
    await ShelfTasks.open({ rows, branch: '', onOversold: onChanged, onResolved: onChanged }),
  ];
  const receipts = await Receipts.open({ rows, writer, onChanged });
  const shiftBook = await ShiftBook.open({ rows, writer, onChanged });
  const posSync = await PosSyncBook.open({ rows, writers: [] });
  const said = [
    await Overrides.open({ rows, onChanged }),
    await Pricing.open(rows),
    new ErasureBook(rows),
    await Reclaims.open(rows),
    await MaintenanceBook.open(rows, [writer]),
    await EmployeeBook.open(rows),
    await ReplacementBook.open(rows, [writer]),
  ];
  const ledger = new BalanceLedger(writer);
  const projector = new Projector({
    store: { watch: () => () => undefined, replay: () => seenBy(ledger, journal) },
    rows,
    projections: [
      new Answers(rows),
      orders,
      returns,
      ...goods,
      ...said,
      receipts,
      shiftBook,
      posSync,
      tills,
      ledger,
      pending,
    ],
    clock,
    onRemote: onChanged,
    onUnreadable: onChanged,
  });
  await projector.start();
  await takeCheckpoints(options, shards);
  await shards.materialiseAll();
  await rows.flush();
  if (failure !== undefined) {
    throw failure;
  }
  return { rows, shards, difference: pending.difference, balances: await ledger.verify(rows) };
}

async function* seenBy(ledger: BalanceLedger, journal: AsyncIterable<Appended>): AsyncGenerator<Appended> {
  for await (const appended of journal) {
    ledger.begin(appended);
    yield appended;
  }
}

/** What this device signed itself is made of entries it has; what others signed is all there is of them. */
async function takeCheckpoints(
  { checkpoints, stored, writer }: RederivationOptions,
  shards: Shards,
): Promise<void> {
  for (const { collection, id, signer } of checkpoints?.marks() ?? []) {
    const isTaken = (await stored.getText(rowKeys.taken(collection, checkpointPlace(id)))) !== undefined;
    const checkpoint =
      isTaken && writerIdOf(signer) !== writer ? await checkpoints?.load(collection, id) : undefined;
    for (const { doc, bytes } of checkpoint?.docs ?? []) {
      openSnapshot(parseDocName(doc), bytes);
      await shards.absorb(
        parseDocName(doc),
        { at: checkpointPlace(id), writer: writerIdOf(signer), bytes },
        'all',
      );
    }
  }
}

/** Passes changes on, except those the stored rows say are still to be applied. */
class PendingAside implements Projection {
  readonly kinds = ['change'];
  readonly #shards: Shards;
  /** Digests by document and place. */
  readonly #digests: Map<string, string>;
  #difference: Difference | undefined;

  private constructor(shards: Shards, digests: Map<string, string>) {
    this.#shards = shards;
    this.#digests = digests;
  }

  static async open(stored: Rows, shards: Shards): Promise<PendingAside> {
    const changes = await ChangeRows.open(stored);
    const digests = new Map<string, string>();
    for (const doc of await changes.pendingDocuments()) {
      for (const { at, writer, bytes } of await changes.read('dp', doc)) {
        digests.set(placeOf(doc, at), digestOf(writer, bytes));
      }
    }
    return new PendingAside(shards, digests);
  }

  get difference(): Difference | undefined {
    const [left] = this.#digests.keys();
    if (this.#difference !== undefined || left === undefined) {
      return this.#difference;
    }
    return { what: 'change to be applied', key: left, expected: 'nothing', found: 'a change' };
  }

  apply(entry: ProjectedEntry): void {
    const { doc, change } = entry.body as { doc?: unknown; change?: unknown };
    if (typeof doc === 'string' && change instanceof Uint8Array) {
      const place = placeOf(doc as DocName, `${ordinal(entry.position)}.${entry.index}`);
      const digest = this.#digests.get(place);
      if (digest !== undefined) {
        this.#digests.delete(place);
        if (digest !== digestOf(entry.writer, change)) {
          const found = 'another change';
          this.#difference ??= { what: 'change to be applied', key: place, expected: 'the change', found };
        }
        return;
      }
    }
    this.#shards.apply(entry);
  }
}

function placeOf(doc: DocName, at: string): string {
  return `${doc}!${at}`;
}

function digestOf(writer: WriterId, bytes: Uint8Array): string {
  return createHash('sha256').update(writer).update(bytes).digest('base64');
}
