/**
 * The driver of Pirit and Viki Print. The device carries its messages to the operator itself: here they are only watched.
 *
 * A document the storage has and the paper has not is a state of its own there: it cannot be cancelled, and repeating the
 * close prints it and registers nothing new. The number of an answer is that of its request, so stray answers are known.
 * Not verified on hardware: see the package's README.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../../errors.ts';
import type { Receipt, ReceiptDevice } from '../../ffd/receipt.ts';
import { composeReceipt } from '../../ffd/receipt-tags.ts';
import { dayOfSeconds } from '../../ffd/wall-time.ts';
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
import { PiritChannel, type PiritExecute } from './channel.ts';
import {
  checkFits,
  closeFields,
  correctionFields,
  DOCUMENT_TYPES,
  detailFields,
  itemFields,
  markingFields,
  minorOfField,
  operatorField,
  paymentFields,
  sumField,
  TAX_SYSTEM_NUMBERS,
} from './receipt-fields.ts';
import {
  finishingCommand,
  isPrinterReady,
  readFlags,
  readPiritDocument,
  readPiritIdentity,
  readPiritQueue,
  readPiritStatus,
  readPiritTags,
  secondsOf,
} from './status.ts';

export interface PiritOptions {
  readonly openLine: OpenLine;
  readonly clock: Clock;
  /** The clock on the shop's wall, seconds as in documents: a device that was switched on wants to hear it. */
  readonly wallSeconds: () => number;
  readonly password?: string;
}

const CASH_TYPES = { in: 4, out: 5 } as const;

export class PiritDriver implements KktDriver {
  readonly capabilities: KktCapabilities = { model: 'pirit', hostPump: false, embedsMark: true };
  readonly #channel: PiritChannel;
  #known: { readonly fn: string; readonly identity: KktIdentity } | undefined;
  #begun: Receipt | undefined;

  constructor({ openLine, clock, wallSeconds, password = 'PIRI' }: PiritOptions) {
    this.#channel = new PiritChannel({ openLine, clock, wallSeconds, password });
  }

  identify(waiting: Waiting = {}): Promise<KktIdentity> {
    return this.#channel.exclusive(waiting, readPiritIdentity);
  }

  status(waiting: Waiting = {}): Promise<KktStatus> {
    return this.#channel.exclusive(waiting, readPiritStatus);
  }

  openShift(cashier: Cashier | undefined, waiting: Waiting = {}): Promise<FiscalMark> {
    return this.#report('open-shift', 2, cashier, waiting);
  }

  closeShift(cashier: Cashier | undefined, waiting: Waiting = {}): Promise<FiscalMark> {
    return this.#report('close-shift', 5, cashier, waiting);
  }

  async printXReport(waiting: Waiting = {}): Promise<void> {
    await this.#channel.exclusive(waiting, (execute) => execute('x-report', ''));
  }

  moveCash({ direction, amountMinor }: CashMove, waiting: Waiting = {}): Promise<void> {
    return this.#channel.exclusive(waiting, async (execute) => {
      await execute('open-receipt', String(CASH_TYPES[direction]), '1', '', '', '');
      try {
        await execute('move-cash', '', sumField(amountMinor));
        await execute('close-receipt', '0');
      } catch (error) {
        if (error instanceof KktError && error.outcome === 'refused') await execute('cancel-receipt');
        throw error;
      }
    });
  }

  cashMinor(waiting: Waiting = {}): Promise<number> {
    return this.#channel.exclusive(waiting, async (execute) =>
      minorOfField((await execute('money-register'))[0]),
    );
  }

  beginReceipt(receipt: Receipt, waiting: Waiting = {}): Promise<void> {
    this.#begun = undefined;
    return this.#channel.exclusive(waiting, async (execute) => {
      const device = await this.#device(execute);
      const composition = composeReceipt(receipt, device);
      if (!composition.ok) {
        const { problems } = composition;
        const codes = problems.map(({ code, path }) => `${code} at ${path}`).join(', ');
        throw new KktError('KKT_RECEIPT_INVALID', codes, { outcome: 'unsent', problems });
      }
      checkFits(receipt, device);
      await begin(execute, receipt, device);
      this.#begun = receipt;
    });
  }

  async closeReceipt(receipt: Receipt, waiting: Waiting = {}): Promise<FiscalMark> {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun !== receipt) {
      throw new KktError('KKT_STATE_INVALID', 'this receipt was not begun', { outcome: 'unsent' });
    }
    return this.#channel.exclusive(waiting, async (execute) => {
      const fields = await execute('close-receipt', ...closeFields(receipt));
      const atSeconds = secondsOf(fields[7], fields[8]);
      const mark = { fd: Number(fields[3]), fp: Number(fields[4]) };
      return atSeconds === undefined ? mark : { ...mark, atSeconds };
    });
  }

  async cancelReceipt(waiting: Waiting = {}): Promise<void> {
    this.#begun = undefined;
    await this.#channel.exclusive(waiting, (execute) => execute('cancel-receipt'));
  }

  findDocument(fd: number, waiting: Waiting = {}): Promise<FnDocument | undefined> {
    return this.#channel.exclusive(waiting, (execute) => readPiritDocument(execute, fd));
  }

  documentTags(fd: number, waiting: Waiting = {}): Promise<Uint8Array | undefined> {
    return this.#channel.exclusive(waiting, async (execute) => (await readPiritTags(execute, fd))?.bytes);
  }

  /** Repeats the command the device could not finish for want of paper. */
  continuePrint(waiting: Waiting = {}): Promise<void> {
    return this.#channel.exclusive(waiting, async (execute) => {
      const command = finishingCommand(await readFlags(execute));
      if (command !== undefined) await execute(command, ...(command === 'close-receipt' ? ['0'] : ['']));
    });
  }

  printCopy(waiting: Waiting = {}): Promise<void> {
    return this.#channel.exclusive(waiting, async (execute) => {
      const [fd = ''] = await execute('last-document');
      await execute('print-copy', fd, '0');
    });
  }

  ofdQueue(waiting: Waiting = {}): Promise<OfdQueue> {
    return this.#channel.exclusive(waiting, readPiritQueue);
  }

  messagePort(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  async #device(execute: PiritExecute): Promise<ReceiptDevice> {
    const { fn, clockSeconds } = await readPiritStatus(execute);
    if (this.#known?.fn !== fn) this.#known = { fn, identity: await readPiritIdentity(execute) };
    return { ...this.#known.identity.receipts, day: dayOfSeconds(clockSeconds ?? 0) };
  }

  #report(
    command: 'open-shift' | 'close-shift',
    form: number,
    cashier: Cashier | undefined,
    waiting: Waiting,
  ): Promise<FiscalMark> {
    return this.#channel.exclusive(waiting, async (execute) => {
      await execute(command, operatorField(cashier));
      const [lastFd] = await execute('last-document');
      const document = await readPiritDocument(execute, Number(lastFd));
      if (document?.form !== form) {
        throw new KktError('KKT_ANSWER_FOREIGN', `document ${lastFd} is no report of form ${form}`, {
          outcome: 'unknown',
        });
      }
      return { fd: document.fd, fp: document.fp, atSeconds: document.atSeconds };
    });
  }
}

async function begin(execute: PiritExecute, receipt: Receipt, device: ReceiptDevice): Promise<void> {
  const { cashier, kind, taxSystem, items, totalMinor } = receipt;
  const printer = Number((await execute('printer-status'))[0]);
  if (!isPrinterReady(printer)) {
    const code = (printer & 4) === 0 ? 'KKT_PAPER_OUT' : 'KKT_COVER_OPEN';
    throw new KktError(code, 'the printer is not ready', { outcome: 'unsent' });
  }
  if (receipt.correction === undefined) {
    const system = String(TAX_SYSTEM_NUMBERS[taxSystem]);
    await execute('open-receipt', String(DOCUMENT_TYPES[kind]), '1', operatorField(cashier), '', system);
  } else {
    await execute('open-correction', ...correctionFields(receipt));
  }
  for (const item of items) {
    const marking = markingFields(item, device);
    if (marking !== undefined) await execute('bind-marking', ...marking);
    const details = detailFields(item, device);
    if (details !== undefined) await execute('item-tags', ...details);
    await execute('item', ...itemFields(item, device));
  }
  await execute('subtotal');
  const itemsMinor = items.reduce((sum, item) => sum + item.totalMinor, 0);
  await compare(execute, itemsMinor);
  if (itemsMinor !== totalMinor) await execute('set-total', sumField(totalMinor));
  for (const payment of paymentFields(receipt)) await execute('payment', ...payment);
}

/** The device adds up as we do, or nothing is paid. */
async function compare(execute: PiritExecute, itemsMinor: number): Promise<void> {
  try {
    await execute('compare-total', sumField(itemsMinor));
  } catch (error) {
    const isOther = error instanceof KktError && error.deviceCode === 0x03;
    if (!isOther) throw error;
    throw new KktError('KKT_TOTAL_MISMATCH', `the device does not add up to ${itemsMinor}`, {
      outcome: 'refused',
    });
  }
}
