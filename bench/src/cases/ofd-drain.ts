/**
 * `ofd-drain`: the operator was away for a day of selling. From its coming back until it has acknowledged every document.
 *
 * The branch sells by its public HTTP to an emulated register while the line to a mock operator hangs; then the line works again.
 * The branch reads every document out of the register's storage, carries it over a connection of its own, as the protocol wants it,
 * and gives the acknowledgement back to the storage. The floor is the conversation alone: as many connections on loopback, one after
 * another, each with a document's bytes there and an acknowledgement's back.
 */
import { connect, createServer } from 'node:net';
import { type BenchCase, type BenchContext, scaled } from '../bench-case.ts';
import { BenchError } from '../errors.ts';
import { openFiscalShop } from '../system/fiscal-shop.ts';
import { measureSales } from '../system/measure.ts';

const TILLS = 4;
/** A day of the fleet's branches. */
const RECEIPTS = 300;
const SELLING_LIMIT_MS = 120_000;
const DRAIN_LIMIT_MS = 600_000;
const POLL_MS = 20;
/** About a receipt in its container, and an acknowledgement. */
const DOCUMENT_BYTES = 600;
const TICKET_BYTES = 200;

export const ofdDrain: BenchCase = {
  name: 'ofd-drain',
  about: 'the operator of fiscal data is back after a day: until it has acknowledged everything',
  async run(context) {
    const { clock, progress } = context;
    const receipts = scaled(context, RECEIPTS, 10);
    const opened: { stop(): Promise<void> }[] = [];
    try {
      const shop = await openFiscalShop(context, TILLS, opened);
      const delivered = await shop.delivered();
      shop.lines.ofd.hang();
      progress(`${receipts} sales without an operator`);
      await measureSales(context, {
        url: shop.url,
        tokens: shop.tokens,
        keyPrefix: 'bench-drain',
        tills: TILLS,
        warmup: 0,
        count: receipts,
        limitMs: SELLING_LIMIT_MS,
      });
      const documents = await untilStill(context, shop.registered);
      const owed = documents - (await shop.delivered());
      progress(`the operator is back: ${owed} documents`);
      const fromMs = clock.monotonicMs();
      shop.lines.ofd.resume();
      const firstMs = (await until(context, shop.delivered, (count) => count > delivered)) - fromMs;
      const allMs = (await until(context, shop.delivered, (count) => count >= documents)) - fromMs;
      progress('floor');
      const floorMs = await conversations(context, owed);
      return {
        case: 'ofd-drain',
        series: [],
        ratios: [
          { name: 'time until everything is acknowledged / floor', value: allMs / floorMs, better: 'lower' },
        ],
        facts: {
          'documents owed': owed,
          'until the first is with the operator, s': firstMs / 1_000,
          'until all are, s': allMs / 1_000,
          'documents per second': (owed * 1_000) / allMs,
          'floor: as many connections, one after another, s': floorMs / 1_000,
        },
        notes: [
          'The emulated register takes no time to print; reading a document out of it is a command over TCP.',
          'The operator counts a document once, however often it is sent.',
        ],
      };
    } finally {
      for (const one of opened.reverse()) await one.stop();
    }
  },
};

/** What the register counts to once every sale has its document. */
async function untilStill({ clock, signal }: BenchContext, count: () => Promise<number>): Promise<number> {
  for (let seen = -1, same = 0; ; ) {
    const now = await count();
    same = now === seen ? same + 1 : 0;
    seen = now;
    if (same * POLL_MS >= 1_000) return seen;
    await clock.sleep(POLL_MS, { signal });
  }
}

/** When it held, by the clock that only goes forward. */
async function until(
  { clock, signal }: BenchContext,
  count: () => Promise<number>,
  holds: (count: number) => boolean,
): Promise<number> {
  const limitMs = clock.monotonicMs() + DRAIN_LIMIT_MS;
  for (;;) {
    const now = await count();
    if (holds(now)) return clock.monotonicMs();
    if (clock.monotonicMs() > limitMs) {
      throw new BenchError('BENCH_TIMEOUT', `the operator has ${now} documents after ${DRAIN_LIMIT_MS} ms`);
    }
    await clock.sleep(POLL_MS, { signal });
  }
}

async function conversations({ clock }: BenchContext, count: number): Promise<number> {
  const server = createServer((socket) => {
    let taken = 0;
    socket.on('data', (bytes) => {
      taken += bytes.length;
      if (taken >= DOCUMENT_BYTES) socket.end(Buffer.alloc(TICKET_BYTES));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const fromMs = clock.monotonicMs();
  for (let sent = 0; sent < count; sent += 1) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.alloc(DOCUMENT_BYTES)));
      socket.once('error', reject).once('close', () => resolve());
      socket.resume();
    });
  }
  const tookMs = clock.monotonicMs() - fromMs;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return tookMs;
}
