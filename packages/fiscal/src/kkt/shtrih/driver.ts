/**
 * The driver of Shtrih-M devices, over either protocol and any line.
 *
 * The device numbers nothing on request: what was registered is read back from its storage. Tags go one by one, cashier and
 * INN once per document, because the firmware answers a doubled tag with a number that says nothing. Sums are compared with
 * the device's own subtotal before the close, so that a receipt it adds up differently is never registered.
 * Not verified on hardware: see the package's README.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../../errors.ts';
import { encodeTag } from '../../ffd/document.ts';
import type { Receipt, ReceiptDevice } from '../../ffd/receipt.ts';
import { composeReceipt } from '../../ffd/receipt-tags.ts';
import type { TagInput } from '../../ffd/tag.ts';
import { dayOfSeconds } from '../../ffd/wall-time.ts';
import type { FnMessagePort } from '../../ofd/pump.ts';
import type { OpenLine } from '../byte-line.ts';
import type {
  Cashier,
  CashMove,
  FiscalMark,
  FnDocument,
  KktCapabilities,
  KktDriver,
  KktIdentity,
  KktStatus,
  OfdQueue,
  Waiting,
} from '../driver.ts';
import { type Execute, ShtrihChannel } from './channel.ts';
import { readDocument, readDocumentTags, readQueue } from './documents.ts';
import { shtrihMessagePort } from './message-port.ts';
import { type ReceiptMessages, receiptMessages } from './receipt-messages.ts';
import { readIdentity, readStatus } from './status.ts';

export interface ShtrihOptions {
  readonly openLine: OpenLine;
  readonly clock: Clock;
  /** Left out: found out on each connection. */
  readonly protocol?: 'v1' | 'v2';
  readonly password?: number;
}

/** The register that holds the cash in the drawer. */
const CASH_REGISTER = 241;
const SHIFT_OPENED = 2;
const SHIFT_CLOSED = 5;

export class ShtrihDriver implements KktDriver {
  readonly capabilities: KktCapabilities = { model: 'shtrih', hostPump: true, embedsMark: true };
  readonly #channel: ShtrihChannel;
  #known: { readonly fn: string; readonly identity: KktIdentity } | undefined;
  #begun: { readonly receipt: Receipt; readonly messages: ReceiptMessages } | undefined;

  constructor({ openLine, clock, protocol, password = 30 }: ShtrihOptions) {
    this.#channel = new ShtrihChannel({ openLine, clock, protocol, password });
  }

  identify(waiting: Waiting = {}): Promise<KktIdentity> {
    return this.#channel.exclusive(waiting, (execute) => readIdentity(execute, waiting));
  }

  status(waiting: Waiting = {}): Promise<KktStatus> {
    return this.#channel.exclusive(waiting, (execute) => readStatus(execute, waiting));
  }

  openShift(cashier: Cashier | undefined, waiting: Waiting = {}): Promise<FiscalMark> {
    return this.#channel.exclusive(waiting, async (execute) => {
      await this.#nameCashier(execute, 'begin-open-shift', SHIFT_OPENED, cashier);
      await execute('open-shift');
      return lastMark(execute, SHIFT_OPENED, waiting);
    });
  }

  closeShift(cashier: Cashier | undefined, waiting: Waiting = {}): Promise<FiscalMark> {
    return this.#channel.exclusive(waiting, async (execute) => {
      await this.#nameCashier(execute, 'begin-close-shift', SHIFT_CLOSED, cashier);
      await execute('close-shift');
      return lastMark(execute, SHIFT_CLOSED, waiting);
    });
  }

  async printXReport(waiting: Waiting = {}): Promise<void> {
    await this.#channel.exclusive(waiting, (execute) => execute('x-report'));
  }

  async moveCash({ direction, amountMinor }: CashMove, waiting: Waiting = {}): Promise<void> {
    const command = direction === 'in' ? 'cash-in' : 'cash-out';
    await this.#channel.exclusive(waiting, (execute) =>
      execute(command, (writer) => writer.money(amountMinor)),
    );
  }

  cashMinor(waiting: Waiting = {}): Promise<number> {
    return this.#channel.exclusive(waiting, async (execute) => {
      const answer = await execute('money-register', (writer) => writer.byte(CASH_REGISTER));
      return answer.skip(1).number(6);
    });
  }

  beginReceipt(receipt: Receipt, waiting: Waiting = {}): Promise<void> {
    this.#begun = undefined;
    return this.#channel.exclusive(waiting, async (execute) => {
      const device = await this.#device(execute, waiting);
      const composition = composeReceipt(receipt, device);
      if (!composition.ok) {
        const { problems } = composition;
        const codes = problems.map(({ code, path }) => `${code} at ${path}`).join(', ');
        throw new KktError('KKT_RECEIPT_INVALID', codes, { outcome: 'unsent', problems });
      }
      const messages = receiptMessages(receipt, composition.receipt, device);
      await begin(execute, messages);
      this.#begun = { receipt, messages };
    });
  }

  async closeReceipt(receipt: Receipt, waiting: Waiting = {}): Promise<FiscalMark> {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun?.receipt !== receipt) {
      throw new KktError('KKT_STATE_INVALID', 'this receipt was not begun', { outcome: 'unsent' });
    }
    const { isOldCorrection, close } = begun.messages;
    return this.#channel.exclusive(waiting, async (execute) => {
      const answer = await execute(isOldCorrection ? 'close-correction' : 'close-receipt', close);
      // A receipt number stands where change stands in the other answer.
      answer.skip(isOldCorrection ? 2 : 5);
      const mark = { fd: answer.number(4), fp: answer.number(4) };
      return answer.left < 5 ? mark : { ...mark, atSeconds: answer.time() };
    });
  }

  cancelReceipt(waiting: Waiting = {}): Promise<void> {
    this.#begun = undefined;
    return this.#channel.exclusive(waiting, async (execute) => {
      try {
        await execute('cancel-receipt');
      } catch (error) {
        if (!(error instanceof KktError) || error.outcome !== 'refused') throw error;
        // Begun in the storage and never opened on paper: corrections of old, shifts.
        await execute('cancel-document');
      }
    });
  }

  findDocument(fd: number, waiting: Waiting = {}): Promise<FnDocument | undefined> {
    return this.#channel.exclusive(waiting, (execute) => readDocument(execute, fd, waiting));
  }

  documentTags(fd: number, waiting: Waiting = {}): Promise<Uint8Array | undefined> {
    return this.#channel.exclusive(
      waiting,
      async (execute) => (await readDocumentTags(execute, fd, waiting))?.bytes,
    );
  }

  async continuePrint(waiting: Waiting = {}): Promise<void> {
    await this.#channel.exclusive(waiting, (execute) => execute('continue-print'));
  }

  async printCopy(waiting: Waiting = {}): Promise<void> {
    await this.#channel.exclusive(waiting, (execute) => execute('print-copy'));
  }

  ofdQueue(waiting: Waiting = {}): Promise<OfdQueue> {
    return this.#channel.exclusive(waiting, (execute) => readQueue(execute, waiting));
  }

  messagePort(fn: string): FnMessagePort {
    return shtrihMessagePort(this.#channel, fn);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  /** The registration as read once per storage, with the day of the device's clock. */
  async #device(execute: Execute, waiting: Waiting): Promise<ReceiptDevice> {
    const { fn, clockSeconds } = await readStatus(execute, waiting);
    if (this.#known?.fn !== fn) this.#known = { fn, identity: await readIdentity(execute, waiting) };
    return { ...this.#known.identity.receipts, day: dayOfSeconds(clockSeconds ?? 0) };
  }

  async #nameCashier(
    execute: Execute,
    command: 'begin-open-shift' | 'begin-close-shift',
    form: number,
    cashier: Cashier | undefined,
  ): Promise<void> {
    if (cashier === undefined) return;
    await execute(command);
    const tags: TagInput[] = [{ tag: 1021, value: cashier.name }];
    if (cashier.inn !== undefined) tags.push({ tag: 1203, value: cashier.inn });
    for (const tag of tags) {
      await execute('send-tags', (writer) => writer.bytes(encodeTag(tag, '1.05', form)));
    }
  }
}

async function begin(execute: Execute, messages: ReceiptMessages): Promise<void> {
  const { isOldCorrection, kind, items, tags, itemsMinor } = messages;
  if (isOldCorrection) await execute('begin-correction');
  else await execute('open-receipt', (writer) => writer.byte(kind));
  for (const item of items) {
    await execute('item', item.fields);
    for (const tag of item.tags) await execute('item-tags', (writer) => writer.bytes(tag));
  }
  for (const tag of tags) await execute('send-tags', (writer) => writer.bytes(tag));
  if (isOldCorrection) return;
  const subtotalMinor = (await execute('subtotal')).skip(1).money();
  if (subtotalMinor !== itemsMinor) {
    throw new KktError('KKT_TOTAL_MISMATCH', `the device adds up to ${subtotalMinor}, not ${itemsMinor}`, {
      outcome: 'refused',
    });
  }
}

/** The storage's last document, when it is the report that was asked for. */
async function lastMark(execute: Execute, form: number, waiting: Waiting): Promise<FiscalMark> {
  const { lastFd } = await readStatus(execute, waiting);
  const document = await readDocument(execute, lastFd, waiting);
  if (document?.form !== form) {
    throw new KktError('KKT_ANSWER_FOREIGN', `document ${lastFd} is no report of form ${form}`, {
      outcome: 'unknown',
    });
  }
  return { fd: document.fd, fp: document.fp, atSeconds: document.atSeconds };
}
