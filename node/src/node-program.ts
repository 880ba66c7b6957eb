/**
 * A node as a program: one address for tills and peers, a control file for commands on the same machine, and one life of the node
 * behind it at a time (`node-life.ts`).
 *
 * Guarantees: `open` resolves when a till can sell; the control file names this process from then until `close`. A device that waits
 * to be enrolled is reached under its address already, and says why it cannot sell. When the device goes on under another key the
 * address stays; for that moment tills are told to come back. When the store or the indexes fail, `failed`
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
  readonly #ports: ProgramPorts;
  readonly #config: NodeConfig;
  readonly #controlToken: string;
  readonly #failure = new Failure();
  #life: NodeLife | undefined;
  #handler: RequestListener = refuseForNow;
  #server: HttpServer | undefined;
  #closeDoor = async (): Promise<void> => await this.#life?.close();
  /** Lives end and begin one after another; closing waits its turn. */
  #turn: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(ports: ProgramPorts, config: NodeConfig, controlToken: string) {
    this.#ports = { ...ports, onWaiting: (words) => this.#wait(words) };
    this.#config = config;
    this.#controlToken = controlToken;
  }

  static async open(ports: ProgramPorts, config: NodeConfig): Promise<NodeProgram> {
    const controlToken = randomBytes(CONTROL_TOKEN_BYTES).toString('base64url');
    const program = new NodeProgram(ports, config, controlToken);
    try {
      await program.#begin();
      return program;
    } catch (error) {
      await program.#close();
      throw error;
    }
  }

  get branch(): string {
    return this.node.services.branch;
  }

  get tenant(): string {
    return this.node.services.tenant;
  }

  /** Where tills reach it, with the port it really got. */
  get url(): string {
    return this.#server!.url;
  }

  /** The node of the present life. */
  get node(): BranchNode {
    return this.#life!.node;
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

  async #begin(): Promise<void> {
    const life = await openLife(this.#ports, this.#config, this.#controlToken);
    this.#life = life;
    await this.#serve();
    this.#handler = life.handler;
    life.node.servedAt(this.#config.publicUrl ?? this.url);
    this.#ports.log.info(
      { url: this.url, branch: this.branch, mode: this.#config.mode },
      'node is listening',
    );
    this.#follow(life);
  }

  /** Nobody answers who could enrol this device: whoever looks here is told so, until somebody does. */
  async #wait(words: string): Promise<void> {
    this.#handler = sayWaiting(words);
    await this.#serve();
  }

  async #serve(): Promise<void> {
    if (this.#server !== undefined) {
      return;
    }
    const { clock } = this.#ports;
    const { data, listen } = this.#config;
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
      const isTaken =
        acceptor.upgrade(request, socket, head) ||
        (this.#handler === this.#life?.handler && this.#life.liveDoor?.upgrade(request, socket, head));
      if (isTaken !== true) {
        socket.destroy();
      }
    });
    this.#closeDoor = async () => {
      await removeControl(data);
      this.#life?.endStreams();
      // Tills whose request is under way get their answer before the node closes.
      await server.close();
      await this.#life?.close();
      acceptor.close();
    };
    const { url } = server;
    await writeControl(data, { program: 'node', url, pid: process.pid, token: this.#controlToken });
  }

  #accept(transport: Transport): void {
    if (this.#handler !== this.#life?.handler) {
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
    const next = await openLife(this.#ports, this.#config, this.#controlToken);
    this.#life = next;
    this.#handler = next.handler;
    next.node.servedAt(this.#config.publicUrl ?? this.url);
    this.#follow(next);
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

/** Before the first life. */
function sayWaiting(words: string): RequestListener {
  return (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (request.method === 'GET' && (path === '/readyz' || path === '/healthz')) {
      const body = path === '/readyz' ? { ready: false, reasons: [words] } : { alive: true };
      response.writeHead(path === '/readyz' ? 503 : 200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
      return;
    }
    refuseRequest(
      request,
      response,
      new ProblemError('NOT_ENROLLED', `The node cannot sell: ${words}.`, { retryAfterSeconds: 5 }),
    );
  };
}

function splitAddress(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}
