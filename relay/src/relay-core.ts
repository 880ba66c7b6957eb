/**
 * A relay without its network: store, registry, authority, and what can be done with them on this machine.
 *
 * A relay restored from a backup may hold an older registry than its devices do. Until one of them was heard, the authority
 * decides nothing: an entry written now would be a second history of the registry, and every device would refuse one of the two.
 *
 * `Relay` puts HTTP and WebSockets around it; commands on a relay that is not running open it alone. Only one at a time: the
 * store is locked.
 */
import {
  Authority,
  type DeviceKey,
  type EvidenceLedger,
  type FeedStore,
  levelEvidence,
  type Registry,
} from '@branchline/feed';
import type { DeviceRow } from '@branchline/pages';
import { isoTime } from 'hlc-ts';
import { Branches } from './branches.ts';
import { RelayShelf } from './checkpoint-shelf.ts';
import { ContactBook } from './contact-book.ts';
import { DataFolder } from './data-folder.ts';
import { RelayError } from './errors.ts';
import { EventLog } from './event-log.ts';
import { fleetRows } from './fleet.ts';
import type { RelayPorts } from './ports.ts';
import { RelayStore } from './relay-store.ts';

export class RelayCore {
  readonly folder: DataFolder;
  readonly tenant: string;
  readonly authorityKey: Uint8Array;
  /** The relay's own device. */
  readonly key: DeviceKey;
  readonly opened: RelayStore;
  /** Checkpoints, as they were signed. */
  readonly shelf: RelayShelf;
  readonly branches: Branches;
  readonly events: EventLog;
  readonly contacts: ContactBook;
  readonly evidence: EvidenceLedger;
  readonly #openAuthority: (() => Promise<Authority>) | undefined;
  #authority: Authority | undefined;

  private constructor(parts: {
    folder: DataFolder;
    tenant: string;
    authorityKey: Uint8Array;
    key: DeviceKey;
    opened: RelayStore;
    shelf: RelayShelf;
    openAuthority: (() => Promise<Authority>) | undefined;
    events: EventLog;
  }) {
    this.folder = parts.folder;
    this.tenant = parts.tenant;
    this.authorityKey = parts.authorityKey;
    this.key = parts.key;
    this.opened = parts.opened;
    this.shelf = parts.shelf;
    this.#openAuthority = parts.openAuthority;
    this.events = parts.events;
    this.evidence = levelEvidence(
      parts.opened.level.sublevel<string, Uint8Array>('evidence', { valueEncoding: 'view' }),
    );
    this.contacts = new ContactBook(parts.opened.level);
    const { events } = parts;
    const { registry } = parts.opened;
    this.branches = new Branches({ authority: () => this.authority(), registry, events });
  }

  static async open(ports: RelayPorts, data: string): Promise<RelayCore> {
    const folder = new DataFolder(data);
    const { tenant, authorityKey: hex } = await folder.readRelay();
    const authorityKey = new Uint8Array(Buffer.from(hex, 'hex'));
    const key = await folder.readKey('relay');
    if (key === undefined) {
      throw new RelayError('RELAY_DATA', 'relay.key is missing', {
        hint: 'Restore it from a backup.',
      });
    }
    const opened = await RelayStore.open(ports, folder, { tenant, authorityKey });
    try {
      const { store, registry, now } = opened;
      const signing = await folder.readKey('authority');
      const openAuthority =
        signing && (() => Authority.open({ key: signing, tenant, store, registry, clock: ports.clock, now }));
      const events = new EventLog(() => isoTime(ports.clock.nowMs()));
      const shelf = await RelayShelf.open(ports, { folder, registry });
      const parts = { folder, tenant, authorityKey, key, opened, shelf, openAuthority, events };
      const core = new RelayCore(parts);
      if (!(await folder.isRestored())) {
        await core.#trustRegistry();
      }
      return core;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** Who writes the registry; refused where its key is elsewhere, or while the registry may be old. */
  authority(): Authority {
    if (this.#authority !== undefined) {
      return this.#authority;
    }
    if (this.#openAuthority === undefined) {
      throw new RelayError('AUTHORITY_OFFLINE', "the authority's key is not on this relay", {
        hint: 'Put authority.key back into the data folder and restart, or ask its holder.',
      });
    }
    throw new RelayError('AUTHORITY_OFFLINE', 'this relay was restored and has not heard from a device yet', {
      hint: 'Wait until a device that was enrolled last connects; it brings what the backup lacks.',
      retryable: true,
    });
  }

  /** False while the registry here may be an old one. */
  get isTrusted(): boolean {
    return this.#authority !== undefined || this.#openAuthority === undefined;
  }

  /** Called when a device's registry and ours are equal. */
  async heardFromDevice(): Promise<void> {
    if (this.#authority === undefined && this.#openAuthority !== undefined) {
      await this.#trustRegistry();
      await this.folder.forgetRestored();
    }
  }

  /** Keys whose overlap with a newer one is over stop counting. */
  async retireRotated(): Promise<void> {
    await this.#authority?.retire();
  }

  async #trustRegistry(): Promise<void> {
    this.#authority = await this.#openAuthority?.();
  }

  get store(): FeedStore {
    return this.opened.store;
  }

  get registry(): Registry {
    return this.opened.registry;
  }

  /** As `Relay`'s fleet page, without what only connections know: nobody is online on a relay that is not running. */
  async rows(): Promise<readonly DeviceRow[]> {
    const known = await this.contacts.read();
    return fleetRows({
      registry: this.registry,
      self: this.key.writer,
      contact: (writer) => known.get(writer)?.contact,
      reported: () => undefined,
      lag: () => [],
      lastEntryMs: () => undefined,
      forked: () => [],
    });
  }

  async close(): Promise<void> {
    await this.opened.close();
  }
}
