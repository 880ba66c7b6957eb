/**
 * The stock WebSocket client for programs on Node.js, without its two ways to end the process.
 *
 * Version 2.5.6 throws out of an event of the socket when the name does not resolve or the server answers with an HTTP error, and out of
 * `send` while a socket is closing. Here the first becomes another attempt, and in the second nothing is sent: the documents are
 * compared again at the next connection. Browsers need none of it.
 */
import type { PeerId, PeerMetadata } from '@automerge/automerge-repo/slim';
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';
import { SOCKET_OPEN } from './repo-socket.ts';

export class SteadyClientAdapter extends WebSocketClientAdapter {
  /** An event handler of the base class, called by the socket; `close` follows and connects again. */
  override onError = (): void => {};

  override connect(peerId: PeerId, peerMetadata?: PeerMetadata): void {
    super.connect(peerId, peerMetadata);
    // The next attempt takes the base class's listeners off a socket that may still fail.
    this.socket?.addEventListener('error', () => {});
  }

  override send(message: Parameters<WebSocketClientAdapter['send']>[0]): void {
    if (this.socket?.readyState === SOCKET_OPEN) {
      super.send(message);
    }
  }
}
