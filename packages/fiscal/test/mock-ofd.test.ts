import { connect, type Socket } from 'node:net';
import { ManualClock, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, within } from '../../../test/support/within.ts';
import {
  encodeContainer,
  encodeSession,
  FAKE_OPERATOR_SIGN,
  isFakeSign,
  MockOfd,
  MockOperator,
  readAnswerTo,
  tcpOfdLink,
} from '../src/index.ts';
import { MOCK_CONNECTIONS_MAX } from '../src/ofd/mock-ofd.ts';
import { MOCK_RULES_MAX } from '../src/ofd/mock-operator.ts';
import { codeOf } from './support/code-of.ts';
import { FN, receiptMessage } from './support/memory-fn.ts';

const test = suite('mock operator');
const clock = systemClock();

const exchange = (mock: MockOfd, message: Uint8Array): Promise<Uint8Array> =>
  tcpOfdLink({ ...mock.address, clock, answerLimitMs: 1_000 }).exchange(message, {
    signal: new AbortController().signal,
  });

async function send(mock: MockOfd, bytes: Uint8Array | string): Promise<void> {
  const socket: Socket = connect(mock.address);
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.write(bytes);
  await within(30_000, 'the connection closes', closed);
}

const failure = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'none',
    (error: { code: string }) => error.code,
  );

test('its signs cannot be taken for real ones', async () => {
  await using mock = await MockOfd.open({ clock });
  const answer = await exchange(mock, receiptMessage(FN, 1));
  const { ticket } = readAnswerTo({ fn: FN, fd: 1 }, answer);
  assert.is(Buffer.from(ticket?.operatorSign ?? []).toString(), 'BRANCHLINE FAKE FP');
  assert.ok(isFakeSign(ticket?.operatorSign) && !isFakeSign(undefined) && !isFakeSign(new Uint8Array(18)));
  assert.is(FAKE_OPERATOR_SIGN.length, 18);
  assert.equal([ticket?.operatorInn, ticket?.responseCode], ['0000000000', 0]);
  assert.match(mock.state.notice, /fake/);
});

test('a repeated document is acknowledged again; another body under its number is a conflict', async () => {
  await using mock = await MockOfd.open({ clock });
  for (const fd of [1, 1, 3, 2]) await exchange(mock, receiptMessage(FN, fd));
  const { seen, acknowledged } = mock.entry(FN, 1)!;
  assert.equal([seen, acknowledged, mock.state.conflicts, mock.state.disordered], [2, 2, 0, 1]);
  const body = encodeContainer({ form: 3, fn: FN, fd: 1, body: Uint8Array.of(1, 2, 3) });
  await exchange(mock, encodeSession({ fn: FN, body }));
  assert.is(mock.state.conflicts, 1);
});

test('the operator alone answers in memory as it does over TCP, faults included', async () => {
  const still = new ManualClock(0);
  const operator = new MockOperator({ clock: still });
  const { signal } = new AbortController();
  const ask = (fd: number) => operator.link(still).exchange(receiptMessage(FN, fd), { signal });
  const { ticket } = readAnswerTo({ fn: FN, fd: 1 }, await ask(1));
  assert.ok(isFakeSign(ticket?.operatorSign));
  operator.script({ behaviour: { kind: 'drop', at: 'answer' }, times: 1 });
  operator.script({ behaviour: { kind: 'hang' }, times: 1 });
  assert.is(await failure(ask(2)), 'OFD_CLOSED_EARLY');
  const hanging = failure(ask(2));
  await still.advance(120_000);
  assert.is(await hanging, 'OFD_TIMEOUT');
  assert.equal([operator.entry(FN, 2)?.seen, operator.entry(FN, 2)?.acknowledged], [1, 0]);
});

test('rules apply to their document, in order, as often as they say', async () => {
  const behaviour = { kind: 'refuse', code: 11 } as const;
  await using mock = await MockOfd.open({ clock, rules: [{ behaviour, times: 1, fn: FN, fd: 2 }] });
  const codes = [];
  for (const fd of [1, 2, 2]) {
    const answer = await exchange(mock, receiptMessage(FN, fd));
    codes.push(readAnswerTo({ fn: FN, fd }, answer).ticket?.responseCode);
  }
  assert.equal(codes, [0, 11, 0]);
  mock.script({ behaviour });
  mock.clearRules();
  assert.equal(mock.state.rules, []);
  for (let count = 0; count < MOCK_RULES_MAX; count += 1) mock.script({ behaviour });
  assert.is(
    codeOf(() => mock.script({ behaviour })),
    'OFD_TOO_LARGE',
  );
});

test('what is no message ends its connection and nothing else', async () => {
  await using mock = await MockOfd.open({ clock });
  await send(mock, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const tooLong = receiptMessage(FN, 1).slice();
  tooLong.set([0xff, 0xff], 24);
  await send(mock, tooLong);
  const broken = receiptMessage(FN, 1).slice();
  broken[60]! ^= 1;
  await send(mock, broken);
  assert.equal([mock.state.malformed, mock.state.documents], [3, 0]);
  assert.ok(await exchange(mock, receiptMessage(FN, 1)));
});

test('more connections than it holds are refused, and come again', async () => {
  await using mock = await MockOfd.open({ clock, rules: [{ behaviour: { kind: 'hang' } }] });
  const sockets = Array.from({ length: MOCK_CONNECTIONS_MAX }, () => connect(mock.address));
  await until(30_000, 'all are connected', () => mock.state.connections === MOCK_CONNECTIONS_MAX);
  await send(mock, 'x');
  assert.is(mock.state.refused, 1);
  for (const socket of sockets) socket.destroy();
  mock.clearRules();
  await until(30_000, 'there is room', () => exchange(mock, receiptMessage(FN, 1)));
});

test('a full ledger takes no new documents and still answers for the old ones', async () => {
  await using mock = await MockOfd.open({ clock, ledgerMax: 2 });
  for (const fd of [1, 2, 1]) await exchange(mock, receiptMessage(FN, fd));
  await send(mock, receiptMessage(FN, 3));
  assert.equal([mock.state.documents, mock.state.refused, mock.entry(FN, 3)], [2, 1, undefined]);
});

test('closing twice is closing once, and a closed one has no address', async () => {
  const mock = await MockOfd.open({ clock });
  await mock.close();
  await mock.close();
  assert.throws(() => mock.address, /closed/);
});

test.run();
