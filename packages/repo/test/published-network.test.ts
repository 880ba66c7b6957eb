/** The published acceptance suite of network adapters: stock clients, browser's and Node's, and ours, around our server. */
import {
  BrowserWebSocketClientAdapter,
  WebSocketServerAdapter,
} from '@automerge/automerge-repo-network-websocket';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import { SocketServerAdapter, SteadyClientAdapter } from '../src/index.ts';
import { runNetworkAdapterTests } from './support/published-suites.ts';
import { Listening } from './support/sockets.ts';
import { describeIn } from './support/vitest-words.ts';

const clock = systemClock();
let owner = 0;

async function around(Client: new (url: string, retryMs?: number) => BrowserWebSocketClientAdapter) {
  const server = new SocketServerAdapter({ clock });
  const listening = await Listening.open((socket) => server.accept(socket, { owner: `owner ${++owner}` }));
  const clients = [new Client(listening.url, 50), new Client(listening.url, 50)] as const;
  const teardown = (): void => {
    for (const client of clients) {
      if (client.socket !== undefined) {
        client.disconnect();
      }
    }
    server.disconnect();
    void listening.close();
  };
  return { adapters: [clients[0], server, clients[1]] as const, teardown };
}

const first = suite('published network suite: stock clients, our server');
describeIn(first, () => runNetworkAdapterTests(() => around(BrowserWebSocketClientAdapter), 'stock clients'));

const second = suite('published network suite: our clients, our server');
describeIn(second, () => runNetworkAdapterTests(() => around(SteadyClientAdapter), 'our clients'));

const third = suite('published network suite: our clients, stock server');
describeIn(third, () =>
  runNetworkAdapterTests(async () => {
    const listening = await Listening.open(() => undefined);
    const server = new WebSocketServerAdapter(listening.server as never, 30_000);
    const clients = [
      new SteadyClientAdapter(listening.url, 50),
      new SteadyClientAdapter(listening.url, 50),
    ] as const;
    const teardown = (): void => {
      for (const client of clients) {
        if (client.socket !== undefined) {
          client.disconnect();
        }
      }
      void listening.close();
    };
    return { adapters: [clients[0], server, clients[1]] as const, teardown };
  }, 'stock server'),
);

first.run();
second.run();
third.run();
