/** What keeps a peer away, in words somebody can act on: real sockets, one attempt each. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Member } from '@branchline/feed';
import { type Connection, Dialer, dialWebSocket } from '@branchline/wire';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PeerLink } from '../src/sync/peer-link.ts';

const words = suite('words for what keeps a peer away');
const clock = systemClock();

/** The state of a link to `url` after its first attempt. */
async function firstAttempt(url: string): Promise<string> {
  let done: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    done = resolve;
  });
  const link = new PeerLink({
    url,
    kind: 'relay',
    nowMs: () => clock.nowMs(),
    onChanged: () => undefined,
    onRefused: () => undefined,
    dialer: (onStatus) =>
      new Dialer<Member>({
        clock,
        random: seededRandom(1),
        connect: async (signal) => {
          await dialWebSocket(url, { signal });
          return undefined as unknown as Connection<Member>;
        },
        onStatus: (status) => {
          onStatus(status);
          if (status.state === 'waiting') done();
        },
      }),
  });
  link.start();
  await waiting;
  const { cause } = link.describe();
  await link.stop();
  return cause;
}

words(
  'a port nobody listens on, a name nobody has, a program that is no peer, TLS where there is none',
  async () => {
    const other = createServer((_, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    assert.match(await firstAttempt(`ws://127.0.0.1:${port}/v1/replicate`), /^is something else: .*404/);
    assert.match(await firstAttempt(`wss://127.0.0.1:${port}/v1/replicate`), /^cannot be trusted: no secure/);
    await new Promise((resolve) => other.close(resolve));
    assert.match(
      await firstAttempt(`ws://127.0.0.1:${port}/`),
      /^cannot be reached: nobody listens .*ECONNREFUSED/,
    );
    assert.match(
      await firstAttempt('ws://no-such-host.invalid/'),
      /^cannot be found: its name has no address/,
    );
  },
);

words.run();
