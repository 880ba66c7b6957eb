/**
 * A relay without its network: store, registry, authority, and what can be done with them on this machine.
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
import { isoTime } from 'hlc-ts';
import { Branches } from './branches.ts';
import { ContactBook } from './contact-book.ts';
import { DataFolder } from './data-folder.ts';
import { RelayError } from './errors.ts';
import { EventLog } from './event-log.ts';
import { type DeviceRow, fleetRows } from './fleet.ts';
import type { RelayPorts } from './ports.ts';
import { RelayStore } from './relay-store.ts';

export class RelayCore {
  readonly folder: DataFolder;
  readonly tenant: string;
  readonly authorityKey: Uint8Array;
  /** The relay's own device. */
  readonly key: DeviceKey;
  readonly opened: RelayStore;
  /** Undefined where the authority's key is kept elsewhere. */
  readonly authority: Authority | undefined;
  readonly branches: Branches;
  readonly events: EventLog;
  readonly contacts: ContactBook;
  readonly evidence: EvidenceLedger;

  private constructor(parts: {
    folder: DataFolder;
    tenant: string;
    authorityKey: Uint8Array;
    key: DeviceKey;
    opened: RelayStore;
    authority: Authority | undefined;
    events: EventLog;
  }) {
    this.folder = parts.folder;
    this.tenant = parts.tenant;
    this.authorityKey = parts.authorityKey;
    this.key = parts.key;
    this.opened = parts.opened;
    this.authority = parts.authority;
    this.events = parts.events;
    this.evidence = levelEvidence(
      parts.opened.level.sublevel<string, Uint8Array>('evidence', { valueEncoding: 'view' }),
    );
    this.contacts = new ContactBook(parts.opened.level);
    const { authority, events } = parts;
    this.branches = new Branches({ authority, registry: parts.opened.registry, events });
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
      const authority =
        signing && (await Authority.open({ key: signing, tenant, store, registry, clock: ports.clock, now }));
      const events = new EventLog(() => isoTime(ports.clock.nowMs()));
      return new RelayCore({ folder, tenant, authorityKey, key, opened, authority, events });
    } catch (error) {
      await opened.close();
      throw error;
    }
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
    });
  }

  async close(): Promise<void> {
    await this.opened.close();
  }
}
