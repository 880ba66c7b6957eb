/**
 * The WebSocket of live documents: `GET /automerge` with an upgrade.
 *
 *     upgrade ─> host and Origin ─> bearer token, or ?ticket= ─> room ─> frames of at most FRAME_BYTES_MAX
 *        └ 403                        └ 401                       └ 503
 *
 * Guarantees: a page of another site is refused like everywhere else; a till's own token is never taken from an address (addresses
 * are written into logs and histories), only a ticket is; nothing of a stranger is unpacked, so a small frame stays small.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ProblemError } from '@branchline/model';
import { FRAME_BYTES_MAX, type RepoSocket } from '@branchline/repo';
import { type WebSocket, WebSocketServer } from 'ws';
import { LIVE_PATH } from '../live/live-desk.ts';
import type { LiveService } from '../services.ts';
import { HostCheck } from './host-check.ts';
import { LIVE_SOCKETS_MAX } from './limits.ts';
import { bearerToken, type TillAuth } from './till-auth.ts';

export interface LiveDoor {
  /** Called from the server's `upgrade` event; false when the path is not ours and nothing was done. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  close(): void;
}

export function openLiveDoor(
  live: LiveService,
  auth: TillAuth,
  options: { readonly allowedHosts: readonly string[] },
): LiveDoor {
  const hosts = new HostCheck(options.allowedHosts);
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
    clientTracking: true,
  });
  const enter = (request: IncomingMessage, query: URLSearchParams): ((socket: RepoSocket) => void) => {
    hosts.check(request);
    if (server.clients.size >= LIVE_SOCKETS_MAX) {
      throw new ProblemError('OVERLOADED', `${LIVE_SOCKETS_MAX} clients have live documents open.`);
    }
    const ticket = query.get('ticket');
    const admitted = ticket === null ? undefined : live.admit(ticket);
    if (ticket !== null && admitted === undefined) {
      throw new ProblemError('UNAUTHENTICATED', 'The ticket is unknown or over; ask for another.');
    }
    if (admitted !== undefined) {
      return admitted;
    }
    const token = bearerToken(request);
    const till = token === undefined ? undefined : auth.find(token);
    if (till === undefined) {
      throw new ProblemError(
        'UNAUTHENTICATED',
        'Live documents need a bearer token, or a ticket in the address.',
      );
    }
    return (socket) => live.accept(socket, till);
  };
  return {
    upgrade: (request, socket, head) => {
      // Not parsed as a URL: what a stranger sends may be none, and must not throw here.
      const [path, query = ''] = (request.url ?? '').split('?', 2);
      if (path !== LIVE_PATH) {
        return false;
      }
      socket.on('error', () => socket.destroy());
      try {
        const accept = enter(request, new URLSearchParams(query));
        server.handleUpgrade(request, socket, head, (accepted: WebSocket) => accept(accepted));
      } catch (error) {
        refuse(socket, error);
      }
      return true;
    },
    close: () => {
      for (const client of server.clients) {
        client.terminate();
      }
      server.close();
    },
  };
}

function refuse(socket: Duplex, error: unknown): void {
  const problem =
    error instanceof ProblemError
      ? error
      : new ProblemError('INVALID_REQUEST', 'This is no WebSocket request.');
  const text = JSON.stringify(problem.toProblem());
  socket.end(
    `HTTP/1.1 ${problem.status} Refused\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
