/**
 * A node as a program: one address for tills and peers, a control file for commands on the same machine, and one life of the node
 * behind it at a time (`node-life.ts`).
 *
 * Guarantees: `open` resolves when a till can sell; the control file names this process from then until `close`. When the device goes
 * on under another key the address stays; for that moment tills are told to come back. When the store or the indexes fail, `failed`
 * resolves and nothing more is acknowledged: the process must end, and the next start verifies.
 */
import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { ProblemError } from '@branchline/model';
import { acceptWebSockets, type Transport } from '@branchline/wire';
import type { NodeConfig } from './config.ts';
import { NodeError } from './errors.ts';
import { Failure } from './failure.ts';
import { removeControl, writeControl } from './files/control-file.ts';
import { HttpServer } from './http/http-server.ts';
import { refuseRequest } from './http/problem-answer.ts';
import type { BranchNode } from './node.ts';
import { type LifePorts, type NodeLife, openLife } from './node-life.ts';
import type { Renewal } from './succession/succession.ts';

export const REPLICATE_PATH = '/v1/replicate';
const CONTROL_TOKEN_BYTES = 32;

export type ProgramPorts = LifePorts;

export class NodeProgram {
  readonly branch: string;
  readonly tenant: string;
  readonly #ports: ProgramPorts;
  readonly #config: NodeConfig;
  readonly #controlToken: string;
  readonly #failure = new Failure();
  #life: NodeLife;
  #handler: RequestListener = refuseForNow;
  #server: HttpServer | undefined;
  #closeDoor: () => Promise<void> = async () => {};
  /** Lives end and begin one after another; closing waits its turn. */
  #turn: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(ports: ProgramPorts, config: NodeConfig, controlToken: string, life: NodeLife) {
    this.#ports = ports;
    this.#config = config;
    this.#controlToken = controlToken;
    this.#life = life;
    this.branch = life.node.services.branch;
    this.tenant = life.node.services.tenant;
  }

  static async open(ports: ProgramPorts, config: NodeConfig): Promise<NodeProgram> {
    const controlToken = randomBytes(CONTROL_TOKEN_BYTES).toString('base64url');
    const life = await openLife(ports, config, controlToken);
    const program = new NodeProgram(ports, config, controlToken, life);
    try {
      await program.#serve();
      program.#follow(life);
      return program;
    } catch (error) {
      await life.close();
      throw error;
    }
  }

  /** Where tills reach it, with the port it really got. */
  get url(): string {
    return this.#server!.url;
  }

  /** The node of the present life. */
  get node(): BranchNode {
    return this.#life.node;
  }

  /** Resolves when the process must end. */
  get failed(): Promise<Error> {
    return this.#failure.happened;
  }

  /** Idempotent: tills get their answers, peers a goodbye, then the disk is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#turn.then(() => this.#close());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(): Promise<void> {
    const { clock, log } = this.#ports;
    const { data, listen, mode } = this.#config;
    const { host, port } = splitAddress(listen);
    const handler: RequestListener = (request, response) => this.#handler(request, response);
    const server = await HttpServer.open({ handler, host, port, clock }).catch((cause: Error) => {
      throw new NodeError('NODE_LISTEN', `cannot listen on ${listen}: ${cause.message}`, {
        cause,
        hint: 'Stop what is using the address, or choose another with --listen HOST:PORT.',
      });
    });
    this.#server = server;
    const acceptor = acceptWebSockets({
      path: REPLICATE_PATH,
      clock,
      onTransport: (transport: Transport) => this.#accept(transport),
    });
    server.server.on('upgrade', (request, socket, head) => {
      if (!acceptor.upgrade(request, socket, head)) {
        socket.destroy();
      }
    });
    this.#closeDoor = async () => {
      await removeControl(data);
      this.#life.endStreams();
      // Tills whose request is under way get their answer before the node closes.
      await server.close();
      await this.#life.close();
      acceptor.close();
    };
    const { url } = server;
    await writeControl(data, { program: 'node', url, pid: process.pid, token: this.#controlToken });
    this.#handler = this.#life.handler;
    log.info({ url, branch: this.branch, mode }, 'node is listening');
  }

  #accept(transport: Transport): void {
    if (this.#handler === refuseForNow) {
      transport.terminate();
    } else {
      this.node.accept(transport);
    }
  }

  #follow(life: NodeLife): void {
    void life.node.failed.then((error) => this.#failure.set(error));
    void life.node.renewal.then((renewal) => {
      this.#turn = this.#turn
        .then(() => this.#renew(life, renewal))
        .catch((error: Error) => this.#failure.set(error));
    });
  }

  async #renew(life: NodeLife, renewal: Renewal): Promise<void> {
    if (this.#closing !== undefined) {
      return;
    }
    this.#handler = refuseForNow;
    life.endStreams();
    await life.end(renewal);
    this.#life = await openLife(this.#ports, this.#config, this.#controlToken);
    this.#handler = this.#life.handler;
    this.#follow(this.#life);
  }

  async #close(): Promise<void> {
    await this.#closeDoor();
  }
}

/** Between two lives. */
const refuseForNow: RequestListener = (request, response) => {
  const words = 'This device goes on under a new key; it is back in a moment.';
  refuseRequest(request, response, new ProblemError('NODE_STOPPING', words, { retryAfterSeconds: 1 }));
};

function splitAddress(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}
