/** A relay on a free port and a fresh folder, and an operator who knows its admin token. */
import { join } from 'node:path';
import { NodeDisk } from '@branchline/feed';
import { seededRandom, systemClock } from 'hlc-ts';
import { pino } from 'pino';
import { TempDir } from '../../../test/support/temp-dir.ts';
import {
  initRelay,
  Relay,
  type RelayConfigInput,
  type RelayPorts,
  readRelayConfig,
} from '../../src/index.ts';

export const ports: RelayPorts = {
  clock: systemClock(),
  random: seededRandom(1),
  disk: new NodeDisk(),
  log: pino({ level: 'silent' }),
};

export class RunningRelay {
  readonly adminToken: string;
  readonly data: string;
  relay: Relay;
  readonly #dir: TempDir;
  readonly #settings: RelayConfigInput;

  private constructor(parts: {
    adminToken: string;
    data: string;
    relay: Relay;
    dir: TempDir;
    settings: RelayConfigInput;
  }) {
    this.adminToken = parts.adminToken;
    this.data = parts.data;
    this.relay = parts.relay;
    this.#dir = parts.dir;
    this.#settings = parts.settings;
  }

  static async open(overrides: RelayConfigInput = {}, world: RelayPorts = ports): Promise<RunningRelay> {
    const dir = await TempDir.open('relay');
    const data = join(dir.path, 'relay');
    const { adminToken } = await initRelay(ports, { data, tenant: 'acme' });
    const settings = { data, listen: '127.0.0.1:0', ...overrides };
    const relay = await Relay.open(world, readRelayConfig({ environment: {}, flags: settings }));
    return new RunningRelay({ adminToken, data, relay, dir, settings });
  }

  get url(): string {
    return this.relay.url;
  }

  /** Stops and starts it again on the same data and port. */
  async restart(): Promise<void> {
    const listen = new URL(this.url).host;
    await this.relay.close();
    this.relay = await Relay.open(
      ports,
      readRelayConfig({ environment: {}, flags: { ...this.#settings, listen } }),
    );
  }

  /** Answers with the body, whatever the status. */
  async call(method: string, path: string, options: { token?: string; body?: unknown } = {}) {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` }),
        ...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  }

  admin(method: string, path: string, body?: unknown) {
    return this.call(method, path, { token: this.adminToken, ...(body === undefined ? {} : { body }) });
  }

  /** One token per branch code. */
  async tokens(...codes: string[]): Promise<string[]> {
    const answer = await this.admin('POST', '/v1/branches', { branches: codes.map((code) => ({ code })) });
    return (answer.body.tokens as { token: string }[]).map(({ token }) => token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay.close();
    await this.#dir[Symbol.asyncDispose]();
  }
}
