/**
 * Transfers between branches: what left, what arrived, and what is in between.
 *
 * Two letters make a transfer: the sender's and the receiver's, in any order, since the goods may be faster than the word. Where two
 * devices of the receiving branch, cut off from each other, both took it in, the earlier reception counts (by stamp, then by device) and
 * the later one is undone by the device that made it.
 *
 * Ids of all transfers are in memory, and of what is on its way to this branch the lines as well.
 */
import {
  type EventBody,
  eventBodies,
  type Transfer,
  type TransferPage,
  type TransferQuery,
} from '@branchline/model';
import { formatStamp, isoTime, parseStamp, stampMs } from 'hlc-ts';
import { letterOf } from './letters.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

export interface TransfersOptions {
  readonly rows: Rows;
  readonly branch: string;
  readonly onSent: (id: string, from: string, to: string, entry: ProjectedEntry) => void;
  readonly onReceived: (id: string, from: string, to: string, entry: ProjectedEntry) => void;
}

export interface TransferStep {
  readonly from: string;
  readonly to: string;
  readonly hlc: string;
  readonly writer: string;
  readonly body: EventBody<'transfer-sent'> | EventBody<'transfer-received'>;
}

export interface KnownTransfer {
  readonly id: string;
  readonly sent: TransferStep | undefined;
  /** The one that counts first. */
  readonly receptions: readonly TransferStep[];
}

const GOODS = /^goods\/([^/]+)$/;

export class Transfers implements Projection {
  readonly kinds = ['transfer-sent', 'transfer-received', 'transfer-undone'];
  readonly #options: TransfersOptions;
  /** On their way to this branch: thousandths by SKU. */
  readonly #coming = new Map<string, ReadonlyMap<string, number>>();
  readonly #received = new Set<string>();
  /** Taken in more than once, as far as is known. */
  readonly #doubled = new Set<string>();

  private constructor(options: TransfersOptions) {
    this.#options = options;
  }

  static async open(options: TransfersOptions): Promise<Transfers> {
    const self = new Transfers(options);
    for await (const [key] of options.rows.texts({ after: 'xr/', below: after('xr/') })) {
      self.#noteReceived(key.split('/')[1]!);
    }
    for await (const [, text] of options.rows.texts({ after: 'xs/', below: after('xs/') })) {
      self.#noteSent(JSON.parse(text));
    }
    return self;
  }

  apply(entry: ProjectedEntry): void {
    const { rows, onSent, onReceived } = this.#options;
    if (entry.kind === 'transfer-undone') {
      if (GOODS.test(entry.collection)) {
        const { id } = eventBodies['transfer-undone'].parse(entry.body);
        rows.putText(rowKeys.transferUndone(id, entry.writer), '');
      }
      return;
    }
    const letter = letterOf(entry.collection);
    if (letter === undefined) {
      return;
    }
    const isSent = entry.kind === 'transfer-sent';
    const body = eventBodies[isSent ? 'transfer-sent' : 'transfer-received'].parse(entry.body);
    const [from, to] = isSent ? [letter.from, letter.to] : [letter.to, letter.from];
    const step: TransferStep = { from, to, hlc: formatStamp(entry.hlc), writer: entry.writer, body };
    rows.putText(rowKeys.transfer(body.id), '');
    if (isSent) {
      rows.putText(rowKeys.transferSent(body.id), JSON.stringify(step));
      this.#noteSent(step);
    } else {
      rows.putText(rowKeys.transferReceived(body.id, `${step.hlc}/${step.writer}`), JSON.stringify(step));
      this.#noteReceived(body.id);
    }
    if (!entry.replayed) {
      (isSent ? onSent : onReceived)(body.id, from, to, entry);
    }
  }

  /** Thousandths of a SKU on their way to this branch. */
  comingMilli(sku: string): number {
    let sum = 0;
    for (const lines of this.#coming.values()) {
      sum += lines.get(sku) ?? 0;
    }
    return sum;
  }

  /** Transfers that more than one device took in, as far as is known here. */
  get doubled(): ReadonlySet<string> {
    return this.#doubled;
  }

  async isUndone(id: string, writers: readonly string[]): Promise<boolean> {
    const texts = await this.#options.rows.getTexts(
      writers.map((writer) => rowKeys.transferUndone(id, writer)),
    );
    return texts.some((text) => text !== undefined);
  }

  async get(id: string): Promise<KnownTransfer | undefined> {
    const { rows } = this.#options;
    const text = await rows.getText(rowKeys.transferSent(id));
    const sent = text === undefined ? undefined : (JSON.parse(text) as TransferStep);
    const receptions: TransferStep[] = [];
    const prefix = rowKeys.transferReceived(id, '');
    for await (const [, row] of rows.texts({ after: prefix, below: after(prefix) })) {
      const step = JSON.parse(row) as TransferStep;
      // Only the branch it was sent to can have received it.
      if (sent === undefined || (step.to === sent.to && step.from === sent.from)) {
        receptions.push(step);
      }
    }
    return sent === undefined && receptions.length === 0 ? undefined : { id, sent, receptions };
  }

  async list(query: TransferQuery, viewOf: (transfer: KnownTransfer) => Transfer): Promise<TransferPage> {
    const start = query.after === undefined ? 'x/' : rowKeys.transfer(query.after);
    const found: Transfer[] = [];
    for await (const [key] of this.#options.rows.texts({ after: start, below: after('x/') })) {
      const known = await this.get(key.slice('x/'.length));
      const transfer = known && viewOf(known);
      if (transfer === undefined || !fits(transfer, query)) {
        continue;
      }
      if (found.length === query.limit) {
        return { transfers: found, next: found.at(-1)!.id };
      }
      found.push(transfer);
    }
    return { transfers: found };
  }

  #noteSent({ to, body }: TransferStep): void {
    if (to === this.#options.branch && !this.#received.has(body.id)) {
      this.#coming.set(body.id, milliBySku(body.lines));
    }
  }

  #noteReceived(id: string): void {
    if (this.#received.has(id)) {
      this.#doubled.add(id);
    }
    this.#received.add(id);
    this.#coming.delete(id);
  }
}

export function milliBySku(
  lines: readonly { readonly sku: string; readonly quantityMilli: number }[],
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { sku, quantityMilli } of lines) {
    sums.set(sku, (sums.get(sku) ?? 0) + quantityMilli);
  }
  return sums;
}

/** As tills see it; lines by SKU, in the order they were sent. */
export function transferOf(
  { id, sent, receptions }: KnownTransfer,
  nameOf: (sku: string) => string,
): Transfer {
  const received = receptions[0];
  const { from, to } = (sent ?? received)!;
  const out = sent && milliBySku(sent.body.lines);
  const arrived = received && milliBySku(received.body.lines);
  const skus = [...new Set([...(out?.keys() ?? []), ...(arrived?.keys() ?? [])])];
  return {
    id: id as Transfer['id'],
    from: from as Transfer['from'],
    to: to as Transfer['to'],
    state: received === undefined ? 'in-transit' : 'received',
    lines: skus.map((sku) => {
      const sentMilli = out === undefined ? undefined : (out.get(sku) ?? 0);
      const receivedMilli = arrived === undefined ? undefined : (arrived.get(sku) ?? 0);
      const tracked = [...(sent?.body.lines ?? []), ...(received?.body.lines ?? [])].filter(
        (line) => line.sku === sku,
      );
      const lot = tracked.find((line) => line.lot !== undefined)?.lot;
      const serials = tracked.find((line) => line.serials !== undefined)?.serials;
      return {
        sku: sku as Transfer['lines'][number]['sku'],
        name: nameOf(sku),
        ...(sentMilli === undefined ? {} : { sentMilli }),
        ...(receivedMilli === undefined ? {} : { receivedMilli }),
        ...(sentMilli === undefined || receivedMilli === undefined
          ? {}
          : { differenceMilli: receivedMilli - sentMilli }),
        ...(lot === undefined ? {} : { lot }),
        ...(serials === undefined ? {} : { serials }),
      };
    }),
    ...(sent === undefined ? {} : { sent: stepOf(sent) }),
    ...(received === undefined ? {} : { received: stepOf(received) }),
  };
}

function stepOf({ hlc, body: { till, cashier, reference } }: TransferStep): NonNullable<Transfer['sent']> {
  return {
    at: isoTime(stampMs(parseStamp(hlc))),
    till,
    ...(cashier === undefined ? {} : { cashier }),
    ...(reference === undefined ? {} : { reference }),
  };
}

function fits({ state, from, to }: Transfer, query: TransferQuery): boolean {
  return (
    (query.state === undefined || query.state === state) &&
    (query.branch === undefined || query.branch === from || query.branch === to)
  );
}
