/** What the README says, held against the code. */
import { readFileSync } from 'node:fs';
import { Backoff, seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import { KKT_ADVICE } from '../src/errors.ts';
import * as document from '../src/ffd/document.ts';
import { DOCUMENT_BYTES_MAX } from '../src/ffd/document-forms.ts';
import { ITEM_NAME_CHARS_MAX } from '../src/ffd/item-check.ts';
import { AUTONOMOUS_ITEMS_MAX } from '../src/ffd/receipt-check.ts';
import { RECEIPT_BYTES_MAX } from '../src/ffd/receipt-tags.ts';
import { HEX_CHARS_MAX } from '../src/hex.ts';
import {
  composeReceipt,
  MockOfd,
  OfdPump,
  type Receipt,
  type ReceiptDevice,
  tcpOfdLink,
} from '../src/index.ts';
import { CALL_LIMIT_MS } from '../src/kkt/atol/call.ts';
import { JOBS_MAX } from '../src/kkt/atol/driver.ts';
import { CALLS_MAX, JOB_LIMIT_MS } from '../src/kkt/atol/queue.ts';
import { ITEMS_MAX } from '../src/kkt/emulator/cash-register.ts';
import { RULES_MAX } from '../src/kkt/emulator/faults.ts';
import { LINES_MAX } from '../src/kkt/emulator/kkt-emulator.ts';
import { STRIPS_MAX } from '../src/kkt/emulator/print-queue.ts';
import * as jobs from '../src/kkt/job-state.ts';
import { BUFFERED_MAX } from '../src/kkt/line-reader.ts';
import { FRAME_BYTES_MAX } from '../src/kkt/pirit/frame.ts';
import { CALLERS_MAX } from '../src/kkt/serial-queue.ts';
import { BUSY_LIMIT_MS } from '../src/kkt/shtrih/channel.ts';
import { MESSAGE_V1_MAX } from '../src/kkt/shtrih/frame-v1.ts';
import { MESSAGE_V2_MAX } from '../src/kkt/shtrih/frame-v2.ts';
import * as mock from '../src/ofd/mock-ofd.ts';
import * as operator from '../src/ofd/mock-operator.ts';
import * as pumps from '../src/ofd/pump.ts';
import { HOLDS_MAX, MESSAGE_BYTES_MAX } from '../src/ofd/pump-state.ts';
import * as links from '../src/ofd/tcp-link.ts';
import { MemoryFn } from './support/memory-fn.ts';

const test = suite('readme');
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the example runs', async () => {
  const clock = systemClock();
  const log: string[] = [];
  const shutdown = new AbortController();
  const fn = new MemoryFn();
  fn.store(2);
  const device: ReceiptDevice = { ffd: '1.2', day: '2026-11-22', taxSystems: ['general'] };
  const receipt: Receipt = {
    kind: 'sale',
    taxSystem: 'general',
    cashier: { name: 'Ann' },
    items: [{ name: 'Bread', quantityMilli: 1000, unitPriceMinor: 100, totalMinor: 100, vat: 'vat20' }],
    payments: { cashMinor: 100 },
    totalMinor: 100,
  };

  const composed = composeReceipt(receipt, device);
  if (!composed.ok) log.push(...composed.problems.map(({ code, path }) => `${code} ${path}`));

  await using ofd = await MockOfd.open({
    clock,
    rules: [{ behaviour: { kind: 'drop', at: 'answer' }, times: 1 }],
  });
  const pump = new OfdPump({
    port: fn,
    link: tcpOfdLink({ ...ofd.address, clock }),
    clock,
    random: seededRandom(1),
    backoff: new Backoff({ baseMs: 10, capMs: 300_000 }),
    onEvent: (report) => log.push(`${report.type} ${report.key?.fd}`),
  });
  const stopped = pump.run(shutdown.signal);
  await until(30_000, 'both are delivered', () => log.length === 3);
  shutdown.abort();
  await stopped;
  assert.equal(log, ['RECEIPT_VAT_DATE /items/0/vat', 'delivered 1', 'delivered 2']);
});

test('every error code is in a table, and no other', () => {
  const source = readFileSync(new URL('../src/errors.ts', import.meta.url), 'utf8');
  const named = [...source.matchAll(/\| '([A-Z]+_[A-Z_]+)'/g)].map((match) => match[1]!);
  const declared = new Set([...named, ...Object.keys(KKT_ADVICE)]);
  const documented = [...readme.matchAll(/^\| `([A-Z]+_[A-Z_]+)` +\| [^|\d]+\|/gm)].map((match) => match[1]!);
  const limits = new Set(LIMITS.map(([name]) => name));
  for (const code of declared) assert.ok(readme.includes(`| \`${code}\``), code);
  for (const code of documented) assert.ok(declared.has(code) || limits.has(code), code);
});

const LIMITS: readonly (readonly [string, number])[] = [
  ['DOCUMENT_BYTES_MAX', DOCUMENT_BYTES_MAX],
  ['TRAILER_BYTES_MAX', document.TRAILER_BYTES_MAX],
  ['RECEIPT_BYTES_MAX', RECEIPT_BYTES_MAX],
  ['TAG_DEPTH_MAX', document.TAG_DEPTH_MAX],
  ['AUTONOMOUS_ITEMS_MAX', AUTONOMOUS_ITEMS_MAX],
  ['ITEM_NAME_CHARS_MAX', ITEM_NAME_CHARS_MAX],
  ['HEX_CHARS_MAX', HEX_CHARS_MAX],
  ['MESSAGE_BYTES_MAX', MESSAGE_BYTES_MAX],
  ['HOLDS_MAX', HOLDS_MAX],
  ['EVENTS_MAX', pumps.EVENTS_MAX],
  ['LINE_LIMIT_MS', pumps.LINE_LIMIT_MS],
  ['EXCHANGE_LIMIT_MS', pumps.EXCHANGE_LIMIT_MS],
  ['CONNECT_LIMIT_MS', links.CONNECT_LIMIT_MS],
  ['ANSWER_LIMIT_MS', links.ANSWER_LIMIT_MS],
  ['MOCK_CONNECTIONS_MAX', mock.MOCK_CONNECTIONS_MAX],
  ['MOCK_RULES_MAX', operator.MOCK_RULES_MAX],
  ['MOCK_LEDGER_MAX', operator.MOCK_LEDGER_MAX],
  ['SEARCH_MAX', jobs.SEARCH_MAX],
  ['ATTEMPTS_MAX', jobs.ATTEMPTS_MAX],
  ['CANCELS_MAX', jobs.CANCELS_MAX],
  ['WAIT_MAX_MS', jobs.WAIT_MAX_MS],
  ['BUSY_LIMIT_MS', BUSY_LIMIT_MS],
  ['CALLERS_MAX', CALLERS_MAX],
  ['BUFFERED_MAX', BUFFERED_MAX],
  ['MESSAGE_V1_MAX', MESSAGE_V1_MAX],
  ['MESSAGE_V2_MAX', MESSAGE_V2_MAX],
  ['JOBS_MAX', JOBS_MAX],
  ['CALLS_MAX', CALLS_MAX],
  ['JOB_LIMIT_MS', JOB_LIMIT_MS],
  ['CALL_LIMIT_MS', CALL_LIMIT_MS],
  ['FRAME_BYTES_MAX', FRAME_BYTES_MAX],
  ['LINES_MAX', LINES_MAX],
  ['RULES_MAX', RULES_MAX],
  ['STRIPS_MAX', STRIPS_MAX],
  ['ITEMS_MAX', ITEMS_MAX],
];

test('the limits in the README are the limits in the code', () => {
  for (const [name, value] of LIMITS) {
    const line = readme.split('\n').find((row) => row.startsWith('|') && row.includes(`\`${name}\``)) ?? '';
    const told = name.endsWith('_MS') ? `${value / 1000} s` : value.toLocaleString('en-US');
    assert.ok(line.includes(told), `${name} = ${told}: ${line}`);
  }
});

test.run();
