/**
 * A version of the protocol and the one before: each end of this checkout plays against a recording of the other end, made by the code
 * that spoke the older protocol. Handshake and signatures are checked as with a living peer.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { PROTOCOL_HISTORY, protocolFingerprint } from '@branchline/wire';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Recording, record, replay } from './protocol/exchange.ts';

const test = suite('protocol, N and N-1');
const folder = new URL('protocol/recordings/', import.meta.url);
const recordings = readdirSync(folder)
  .sort()
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Recording);
const recordingOf = (fingerprint: string | undefined) =>
  recordings.find((recording) => recording.fingerprint === fingerprint);

test('the protocol spoken now and the one before it have a recording', () => {
  assert.is(PROTOCOL_HISTORY.at(-1)!.fingerprint, protocolFingerprint());
  for (const line of PROTOCOL_HISTORY.slice(-2)) {
    assert.ok(
      recordingOf(line.fingerprint),
      `${line.fingerprint}: npm run protocol:record in a checkout that speaks it`,
    );
  }
});

for (const recording of recordings) {
  for (const played of ['dial', 'listen'] as const) {
    const who = played === 'dial' ? 'a shop' : 'a relay';
    test(`${who} that speaks ${recording.fingerprint} and this checkout have the same afterwards`, async () => {
      const end = await replay(recording, played);
      assert.is(end.ending, 'GOING_AWAY', 'it ended as it was meant to, and not with a refusal');
      const heads = end.heads();
      for (const [feed, seq] of Object.entries(recording.after)) {
        assert.is(heads[feed], seq, feed);
      }
    });
  }
}

test('a recording whose signature does not fit is refused: the handshake is really checked', async () => {
  const now = recordingOf(protocolFingerprint())!;
  const broken = now.messages.map((message, at) => {
    const isProof = message.by === 'dial' && at === now.messages.findLastIndex(isHandshake);
    return isProof ? { ...message, bytes: flipped(message.bytes) } : message;
  });
  const end = await replay({ ...now, messages: broken }, 'dial');
  assert.is.not(end.ending, 'GOING_AWAY');
  assert.not.ok(
    Object.keys(end.heads()).some((feed) => feed.startsWith('orders/')),
    'nothing was taken from it',
  );

  function isHandshake(message: Recording['messages'][number], at: number): boolean {
    return (
      message.by === 'dial' &&
      at > 0 &&
      now.messages.slice(0, at).filter(({ by }) => by === 'dial').length === 1
    );
  }
});

test('an exchange recorded here and now plays as the ones that are kept', async () => {
  const fresh = await record(protocolFingerprint());
  for (const played of ['dial', 'listen'] as const) {
    assert.is((await replay(fresh, played)).ending, 'GOING_AWAY');
  }
});

function flipped(hex: string): string {
  const last = Number.parseInt(hex.slice(-2), 16) ^ 1;
  return hex.slice(0, -2) + last.toString(16).padStart(2, '0');
}

test.run();
