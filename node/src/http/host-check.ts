/**
 * Keeps browsers on other sites from talking to the node of the machine they run on (DNS rebinding, cross-site posts).
 *
 * A rebound name is a name, and never one of ours: what passes is a loopback name, or the local address of the socket, with any
 * port or none (whoever forwards a port keeps the one he was called by), or a name the operator allowed (with a port it must
 * match, without one any port does). The Origin, when a browser
 * sends one, must be that same host; `Sec-Fetch-Site` must not speak of another site, except when a person follows a link to a
 * page (never to `/v1`). There is no CORS: other origins have no business here.
 */
import type { IncomingMessage } from 'node:http';
import { ProblemError } from '@branchline/model';

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

export class HostCheck {
  readonly #allowed: ReadonlySet<string>;

  constructor(allowedHosts: readonly string[]) {
    this.#allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));
  }

  /** Throws `HOST_REFUSED` or `ORIGIN_REFUSED`. */
  check(request: IncomingMessage): void {
    const { host, origin } = request.headers;
    if (host === undefined || !this.#isOurs(host.toLowerCase(), request)) {
      throw new ProblemError('HOST_REFUSED', 'The Host header names none of the addresses of this node.');
    }
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw new ProblemError('ORIGIN_REFUSED', 'The Origin header names another site.');
    }
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !followsLink(request)) {
      throw new ProblemError('ORIGIN_REFUSED', 'A page of another site made this request.');
    }
  }

  #isOurs(host: string, request: IncomingMessage): boolean {
    const name = nameOf(host);
    return (
      this.#allowed.has(host) ||
      this.#allowed.has(name) ||
      LOOPBACK.has(name) ||
      name === hostOf(request.socket.localAddress ?? '')
    );
  }
}

/** Without a port. An IPv6 address ends with its bracket. */
function nameOf(host: string): string {
  return host.replace(/:\d{1,5}$/, '');
}

/** The address of a socket as it stands in a Host header. */
function hostOf(address: string): string {
  if (address.startsWith('::ffff:')) {
    return address.slice('::ffff:'.length);
  }
  return address.includes(':') ? `[${address}]` : address;
}

function followsLink(request: IncomingMessage): boolean {
  return (
    request.method === 'GET' &&
    request.headers['sec-fetch-mode'] === 'navigate' &&
    !(request.url ?? '').startsWith('/v1')
  );
}
