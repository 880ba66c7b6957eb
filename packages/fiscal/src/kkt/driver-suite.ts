/**
 * What every driver must do, as a suite that runs on any device, emulated or on the desk.
 *
 *     kktDriverSuite({ test, setup })    // `test(name, run)`; `setup` gives a device with paper, shift closed, and its driver
 *
 * On a real device it registers documents: use one with a debug storage. What needs a hand on the device (paper, cover, power)
 * runs only where `setup` gives `hands`; without them those tests are left out, and `skipped` is called with each.
 */
import { KktError } from '../errors.ts';
import { decodeTagList, findTag } from '../ffd/document.ts';
import type { Receipt } from '../ffd/receipt.ts';
import { shiftCounters } from '../ffd/shift-counters.ts';
import type { KktDriver, KktStatus } from './driver.ts';
import { withMark } from './node-mark.ts';

export interface KktUnderTest {
  readonly driver: KktDriver;
  /** Lets time pass until the work is done: turns a manual clock, or just waits. */
  drive<T>(work: Promise<T>): Promise<T>;
  /** Waits so long. */
  pass(ms: number): Promise<void>;
  readonly hands?: Hands;
  teardown?(): Promise<void>;
}

/** What a person does to a device, or a fault. */
export interface Hands {
  takePaperOut(): void;
  insertPaper(): void;
  openCover(): void;
  closeCover(): void;
  /** The answer to the next command that registers a receipt never arrives. */
  loseNextCloseAnswer(): void;
}

export interface KktDriverSuiteOptions {
  readonly test: (name: string, run: () => Promise<void>) => void;
  readonly setup: () => Promise<KktUnderTest>;
  readonly hasHands: boolean;
  readonly skipped?: (name: string) => void;
}

export const CASHIER = { name: 'Иванова И. И.', inn: '500100732259' } as const;
const POLLS_MAX = 400;

export function saleOf(mark: string, changed: Partial<Receipt> = {}): Receipt {
  const sale: Receipt = {
    kind: 'sale',
    taxSystem: 'general',
    cashier: CASHIER,
    items: [
      { name: 'Хлеб', quantityMilli: 2000, unitPriceMinor: 4500, totalMinor: 9000, vat: 'vat10' },
      {
        name: 'Сыр',
        quantityMilli: 350,
        unit: 'kg',
        unitPriceMinor: 80_000,
        totalMinor: 28_000,
        vat: 'none',
      },
    ],
    payments: { cashMinor: 30_000, electronicMinor: 7_000 },
    totalMinor: 37_000,
    buyer: { contact: '+79990000000' },
    ...changed,
  };
  return withMark(sale, mark);
}

export function kktDriverSuite({ test, setup, hasHands, skipped }: KktDriverSuiteOptions): void {
  const story = (name: string, run: (scene: Scene) => Promise<void>): void => {
    test(name, async () => {
      const under = await setup();
      try {
        await run(new Scene(under));
      } finally {
        await under.driver.close();
        await under.teardown?.();
      }
    });
  };
  const handStory = (name: string, run: (scene: Scene, hands: Hands) => Promise<void>): void => {
    if (!hasHands) {
      skipped?.(name);
      return;
    }
    story(name, (scene) => run(scene, scene.under.hands!));
  };

  story('a device says who it is and what it may do', async (scene) => {
    const identity = await scene.ask((driver) => driver.identify());
    check(identity.receipts.taxSystems.length > 0, 'no tax system');
    check(/^\d{10,12}$/.test(identity.inn), `INN ${identity.inn}`);
    const status = await scene.status();
    check(/^\d{16}$/.test(status.fn), `FN ${status.fn}`);
    equal(status.phase, 'fiscal');
    equal(status.document, 'none');
    equal(status.print, 'idle');
    check(status.hasPaper && !status.isCoverOpen, 'not ready');
  });

  story('opening and closing a shift register one document each', async (scene) => {
    const before = await scene.status();
    equal(before.shift.state, 'closed');
    const opened = await scene.ask((driver) => driver.openShift(CASHIER));
    equal(opened.fd, before.lastFd + 1);
    const during = await scene.idle();
    equal(during.shift.state, 'open');
    equal(during.shift.number, before.shift.number + 1);
    equal((await scene.find(opened.fd))?.form, 2);
    await scene.refused('KKT_SHIFT_OPEN', (driver) => driver.openShift(CASHIER));
    const closed = await scene.ask((driver) => driver.closeShift(CASHIER));
    const after = await scene.idle();
    equal(after.lastFd, opened.fd + 1);
    equal(after.shift.state, 'closed');
    equal((await scene.find(closed.fd))?.form, 5);
    await scene.refused('KKT_SHIFT_CLOSED', (driver) => driver.closeShift(CASHIER));
  });

  story('a sale is registered once and read back with everything that identifies it', async (scene) => {
    const before = await scene.open();
    const sale = saleOf('mark-1');
    const mark = await scene.register(sale);
    equal(mark.fd, before.lastFd + 1);
    const after = await scene.idle();
    equal(after.lastFd, mark.fd);
    equal(after.shift.receipts, before.shift.receipts + 1);
    const document = await scene.find(mark.fd);
    equal(document?.form, 3);
    equal(document?.fp, mark.fp);
    equal(document?.settlement, 'sale');
    equal(document?.totalMinor, 37_000);
    equal(document?.isDelivered, false);
    if (scene.under.driver.capabilities.embedsMark) equal(document?.mark, 'mark-1');
  });

  story(
    'a document is read back raw, and the report closing a shift counts what was in it',
    async (scene) => {
      await scene.open();
      const { fd } = await scene.register(saleOf('mark-raw'));
      await scene.idle();
      const tags = await scene.ask((driver) => driver.documentTags(fd));
      equal(findTag(decodeTagList(tags ?? new Uint8Array(), '1.2', 3), 1020)?.value, 37_000);
      equal(await scene.ask((driver) => driver.documentTags(fd + 100)), undefined);
      const closed = await scene.ask((driver) => driver.closeShift(CASHIER));
      const report = await scene.ask((driver) => driver.documentTags(closed.fd));
      const { receipts, settlements } = shiftCounters(report ?? new Uint8Array());
      equal(receipts, 1);
      if (settlements !== undefined) {
        equal(settlements.sale?.count, 1);
        equal(settlements.sale?.cashMinor, 30_000);
        equal(settlements.sale?.electronicMinor, 7_000);
        equal(settlements.sale?.totalMinor, 37_000);
      }
    },
  );

  story('kopecks dropped from the total, and a return of a part', async (scene) => {
    await scene.open();
    const rounded = saleOf('mark-2', {
      items: [{ name: 'Сок', quantityMilli: 1000, unitPriceMinor: 9_999, totalMinor: 9_999, vat: 'vat10' }],
      payments: { cashMinor: 9_900 },
      totalMinor: 9_900,
    });
    const mark = await scene.register(rounded);
    equal((await scene.find(mark.fd))?.totalMinor, 9_900);
    await scene.idle();
    const refund = saleOf('mark-3', {
      kind: 'sale-return',
      items: [
        {
          name: 'Сок',
          quantityMilli: 500,
          unitPriceMinor: 9_999,
          totalMinor: 5_000,
          vat: 'vat10',
          originalLine: 0,
        },
      ],
      payments: { cashMinor: 5_000 },
      totalMinor: 5_000,
      original: {
        day: '2025-01-01',
        totalMinor: 9_900,
        refundedMinor: 0,
        lines: [{ quantityMilli: 1000, totalMinor: 9_999, vat: 'vat10', refundedMilli: 0, refundedMinor: 0 }],
      },
    });
    const back = await scene.register(refund);
    equal((await scene.find(back.fd))?.settlement, 'sale-return');
  });

  story('a correction is a document of its own form', async (scene) => {
    await scene.open();
    const { clockSeconds } = await scene.status();
    check(clockSeconds !== undefined, 'no clock');
    const mark = await scene.register(saleOf('mark-4', { correction: { by: 'own', day: '2025-01-01' } }));
    equal((await scene.find(mark.fd))?.form, 31);
  });

  story('a begun receipt that is cancelled registers nothing', async (scene) => {
    const before = await scene.open();
    const sale = saleOf('mark-5');
    await scene.ask((driver) => driver.beginReceipt(sale));
    const during = await scene.status();
    equal(during.document, 'receipt');
    equal(during.lastFd, before.lastFd);
    await scene.ask((driver) => driver.cancelReceipt());
    const after = await scene.idle();
    equal(after.document, 'none');
    equal(after.lastFd, before.lastFd);
    await scene.failing((driver) => driver.cancelReceipt());
  });

  story('a wrong receipt is refused with every reason before anything is sent', async (scene) => {
    const before = await scene.open();
    const wrong = saleOf('mark-6', { totalMinor: 99, taxSystem: 'patent' });
    const error = await scene.refused('KKT_RECEIPT_INVALID', (driver) => driver.beginReceipt(wrong));
    equal(error.outcome, 'unsent');
    check((error.problems?.length ?? 0) >= 2, 'not every problem is named');
    const after = await scene.status();
    equal(after.document, 'none');
    equal(after.lastFd, before.lastFd);
  });

  story('a receipt that was not begun is not closed', async (scene) => {
    const before = await scene.open();
    const error = await scene.refused('KKT_STATE_INVALID', (driver) => driver.closeReceipt(saleOf('mark-7')));
    equal(error.outcome, 'unsent');
    equal((await scene.status()).lastFd, before.lastFd);
  });

  story('no receipt begins while the shift is closed', async (scene) => {
    await scene.refused('KKT_SHIFT_CLOSED', (driver) => driver.beginReceipt(saleOf('mark-8')));
    equal((await scene.status()).document, 'none');
  });

  story('cash goes in and out of the drawer, never more than is there', async (scene) => {
    const before = await scene.open();
    const cash = await scene.ask((driver) => driver.cashMinor());
    await scene.ask((driver) => driver.moveCash({ direction: 'in', amountMinor: 50_000 }));
    await scene.idle();
    equal(await scene.ask((driver) => driver.cashMinor()), cash + 50_000);
    await scene.ask((driver) => driver.moveCash({ direction: 'out', amountMinor: 20_000 }));
    await scene.idle();
    equal(await scene.ask((driver) => driver.cashMinor()), cash + 30_000);
    const much = { direction: 'out', amountMinor: cash + 30_001 } as const;
    await scene.refused('KKT_CASH_SHORT', (driver) => driver.moveCash(much));
    equal((await scene.status()).lastFd, before.lastFd);
  });

  story('reports and copies print and register nothing', async (scene) => {
    await scene.open();
    await scene.register(saleOf('mark-9'));
    const before = await scene.idle();
    await scene.ask((driver) => driver.printXReport());
    await scene.idle();
    await scene.ask((driver) => driver.printCopy());
    equal((await scene.idle()).lastFd, before.lastFd);
  });

  story('a number the storage has not reached shows nothing', async (scene) => {
    const { lastFd } = await scene.status();
    equal(await scene.find(lastFd + 1), undefined);
  });

  story('documents wait for the operator in order', async (scene) => {
    await scene.open();
    const before = await scene.ask((driver) => driver.ofdQueue());
    const mark = await scene.register(saleOf('mark-10'));
    const queue = await scene.ask((driver) => driver.ofdQueue());
    equal(queue.waiting, before.waiting + 1);
    check(queue.first !== undefined && queue.first.fd <= mark.fd, 'no oldest document');
    const { fn } = await scene.status();
    const port = scene.under.driver.messagePort(fn);
    equal(port !== undefined, scene.under.driver.capabilities.hostPump);
    if (port === undefined) return;
    const { signal } = new AbortController();
    const offer = await scene.under.drive(port.begin({ signal }));
    check(offer !== undefined && offer.sizeBytes > 60, 'no message is offered');
    const first = await scene.under.drive(port.read(0, Math.min(30, offer!.blockBytes), { signal }));
    equal(Buffer.from(first.subarray(0, 4)).toString('hex'), '2a08410a');
  });

  story('a signal ends a wait, and a closed driver answers nothing', async (scene) => {
    const reason = new Error('enough');
    let caught: unknown;
    try {
      await scene.ask((driver) => driver.status({ signal: AbortSignal.abort(reason) }));
    } catch (error) {
      caught = error;
    }
    equal(caught, reason);
    await scene.status();
    await scene.under.driver.close();
    await scene.under.driver.close();
    await scene.refused('KKT_CLOSED', (driver) => driver.status());
  });

  handStory('without paper no receipt begins, and the status says why', async (scene, hands) => {
    const before = await scene.open();
    hands.takePaperOut();
    equal((await scene.status()).hasPaper, false);
    await scene.refused('KKT_PAPER_OUT', (driver) => driver.beginReceipt(saleOf('mark-11')));
    hands.insertPaper();
    const after = await scene.status();
    equal(after.document, 'none');
    equal(after.lastFd, before.lastFd);
  });

  handStory('an open cover is seen', async (scene, hands) => {
    await scene.open();
    hands.openCover();
    equal((await scene.status()).isCoverOpen, true);
    await scene.failing((driver) => driver.beginReceipt(saleOf('mark-12')));
    hands.closeCover();
    equal((await scene.status()).isCoverOpen, false);
  });

  handStory(
    'a lost answer to the close: found by the driver itself, or unknown and in the storage',
    async (scene, hands) => {
      const before = await scene.open();
      const sale = saleOf('mark-13');
      await scene.ask((driver) => driver.beginReceipt(sale));
      hands.loseNextCloseAnswer();
      let fd = before.lastFd + 1;
      try {
        fd = (await scene.ask((driver) => driver.closeReceipt(sale))).fd;
      } catch (error) {
        check(error instanceof KktError && error.outcome === 'unknown', `outcome of ${String(error)}`);
      }
      const after = await scene.idle();
      equal(after.lastFd, before.lastFd + 1);
      const document = await scene.find(fd);
      equal(document?.totalMinor, 37_000);
      if (scene.under.driver.capabilities.embedsMark) equal(document?.mark, 'mark-13');
    },
  );
}

/** A device in the middle of a story. */
class Scene {
  readonly under: KktUnderTest;

  constructor(under: KktUnderTest) {
    this.under = under;
  }

  ask<T>(work: (driver: KktDriver) => Promise<T>): Promise<T> {
    return this.under.drive(work(this.under.driver));
  }

  status(): Promise<KktStatus> {
    return this.ask((driver) => driver.status());
  }

  find(fd: number) {
    return this.ask((driver) => driver.findDocument(fd));
  }

  /** The status once nothing prints any more. */
  async idle(): Promise<KktStatus> {
    for (let polls = 0; polls < POLLS_MAX; polls += 1) {
      const status = await this.status();
      if (status.print === 'idle') return status;
      await this.under.pass(50);
    }
    throw new Error('the device never stops printing');
  }

  /** With an open shift. */
  async open(): Promise<KktStatus> {
    await this.ask((driver) => driver.openShift(CASHIER));
    return this.idle();
  }

  async register(receipt: Receipt) {
    await this.ask((driver) => driver.beginReceipt(receipt));
    return this.ask((driver) => driver.closeReceipt(receipt));
  }

  async failing(work: (driver: KktDriver) => Promise<unknown>): Promise<KktError> {
    try {
      await this.ask(work);
    } catch (error) {
      if (error instanceof KktError) return error;
      throw error;
    }
    throw new Error('it was not refused');
  }

  async refused(code: string, work: (driver: KktDriver) => Promise<unknown>): Promise<KktError> {
    const error = await this.failing(work);
    equal(error.code, code);
    check(error.hint.length > 5, 'no hint');
    return error;
  }
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

function equal(actual: unknown, expected: unknown): void {
  check(Object.is(actual, expected), `expected ${String(expected)}, got ${String(actual)}`);
}
