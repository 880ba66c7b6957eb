/** A machine with the relay's own parts on it: journal, registry, authority, replicator and sessions; without HTTP. */
import { Authority, type DeviceKey, memoryEvidence, Replicator, type Role } from '@branchline/feed';
import { EventLog, Sessions, SOFTWARE } from '@branchline/relay';
import type { Transport } from '@branchline/wire';
import { HybridClock } from 'hlc-ts';
import { pino } from 'pino';
import { type Life, Machine, TENANT, type WorldParts } from './machine.ts';

const SILENT = pino({ level: 'silent' });

export class RelayMachine extends Machine {
  #sessions: Sessions | undefined;
  #replicator: Replicator | undefined;
  #authority: Authority | undefined;
  #fault: string | undefined;

  constructor(world: WorldParts) {
    super(world, 'relay');
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  get replicator(): Replicator {
    return this.#replicator!;
  }

  revoke(key: DeviceKey): Promise<void> {
    return this.#authority!.revoke({ writer: key.writer, reason: 'stolen' });
  }

  admit(member: { readonly branch: string; readonly role: Role; readonly key: DeviceKey }): Promise<unknown> {
    const { branch, role, key } = member;
    return this.#authority!.admit({ branch, role, publicKey: key.publicKey });
  }

  protected async open({ clock, store, registry }: Life): Promise<void> {
    this.#fault = undefined;
    const hlc = await HybridClock.open({ clock, bound: this.bound });
    const authority = await Authority.open({
      key: this.world.authorityKey,
      tenant: TENANT,
      store,
      registry,
      clock,
      now: () => hlc.now(),
    });
    await authority.createTenant();
    this.#authority = authority;
    const replicator = await Replicator.open({
      store,
      registry,
      tenant: TENANT,
      self: this.key.writer,
      clock,
      evidence: memoryEvidence(),
      authority: { succeed: (succession) => authority.succeed(succession) },
      onNews: () => undefined,
    });
    this.#replicator = replicator;
    this.#sessions = new Sessions({
      replicator,
      registry,
      key: this.key,
      tenant: TENANT,
      software: SOFTWARE,
      clock,
      events: new EventLog(() => ''),
      metrics: { refused: () => undefined },
      log: SILENT,
      remembered: new Map(),
    });
    void store.failed.then((error) => {
      if (this.isUp && this.life.store === store) {
        this.#fault = error.message;
      }
    });
  }

  protected accept(transport: Transport): void {
    this.#sessions?.accept(transport);
  }

  protected async close(): Promise<void> {
    await this.#sessions?.close(() => undefined);
    this.#replicator?.close();
  }

  protected forget(): void {
    this.#sessions = undefined;
    this.#replicator = undefined;
  }
}
