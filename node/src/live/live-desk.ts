/**
 * Live documents of this node: its read models and use cases as `packages/repo` needs them.
 *
 * Rights are those of the HTTP API: cashiers read goods and stock, managers also customers, and write what this device may write. They are looked up at every frame, so
 * a revoked till is out at its next one, and a document whose customer was erased begins anew: its history said the name.
 */
import { createHash } from 'node:crypto';
import { guardChange, guardSnapshot, parseDocName } from '@branchline/docs';
import {
  type LiveDocumentList,
  type LiveDocumentQuery,
  type LiveTicket,
  ProblemError,
} from '@branchline/model';
import {
  type EditRefusal,
  LevelStorageAdapter,
  type LiveAccess,
  type LiveChange,
  LiveDocuments,
  type LiveEdit,
  type LiveSource,
  type LiveUser,
  type RepoSocket,
  type StorageLevel,
  Tickets,
} from '@branchline/repo';
import { mayEditLive } from '../http/permissions.ts';
import type { NodeParts } from '../node-services.ts';
import type { LiveService, MetricSample, TillIdentity } from '../services.ts';
import { decisionOf } from './live-edits.ts';
import { branchOf, kindOf, LiveRows } from './live-rows.ts';

/** Where the WebSocket of live documents is opened. */
export const LIVE_PATH = '/automerge';
/** Ids of erased customers remembered, so that one erasure ends a document once. */
export const ERASED_HELD_MAX = 10_000;

/** Whoever holds a token or a ticket of a till. */
export interface LiveTill extends LiveUser {
  readonly till: TillIdentity;
  /** When the till was added: another till of the same name is another. */
  readonly addedAt: string | undefined;
}

const ROWS = { catalog: 'products', stock: 'stock', loyalty: 'customers' } as const;
/** Type of a chunk that is a whole document. */
const DOCUMENT_CHUNK = 0;

export type LiveParts = Pick<
  NodeParts,
  | 'ports'
  | 'clock'
  | 'branch'
  | 'tenant'
  | 'rows'
  | 'products'
  | 'stock'
  | 'customers'
  | 'tills'
  | 'trade'
  | 'pipeline'
  | 'events'
  | 'alarms'
  | 'rowWatch'
>;

export class LiveDesk implements LiveService {
  readonly #parts: LiveParts;
  readonly #documents: LiveDocuments<LiveTill>;
  readonly #rows: LiveRows;
  readonly #tickets: Tickets<LiveTill>;

  private constructor(parts: LiveParts, rows: LiveRows, documents: LiveDocuments<LiveTill>) {
    this.#parts = parts;
    this.#rows = rows;
    this.#documents = documents;
    this.#tickets = new Tickets({ clock: parts.clock, randomBytes: parts.ports.randomBytes });
  }

  static async open(parts: LiveParts, level: StorageLevel): Promise<LiveDesk> {
    const { ports, clock, tenant, alarms } = parts;
    const region = parts.customers.collection.slice('loyalty/'.length);
    const branches = (): string[] => replicatedBranches(parts);
    const rows = new LiveRows({ ...parts, region, branches });
    const onFailure = (error: Error): void => {
      alarms.raise('LIVE_DOCUMENTS', `Live documents: ${error.message}`);
    };
    const storage = await LevelStorageAdapter.open({ level, clock, onFailure });
    const documents = await LiveDocuments.open<LiveTill>({
      source: liveSource(parts, rows),
      storage,
      clock,
      // A device's faces are its own: another's with the same id would have another history.
      tenant: `${tenant}/${ports.key.writer}`,
      randomBytes: ports.randomBytes,
      onFailure,
    });
    return new LiveDesk(parts, rows, documents);
  }

  documents(till: TillIdentity, query: LiveDocumentQuery): LiveDocumentList {
    const isAll = query.sku === undefined && query.customer === undefined;
    const wanted = isAll ? undefined : this.#rows.namesOf(query);
    const documents = this.#documents
      .documents(this.#userOf(till))
      .filter(({ name }) => wanted?.has(name) ?? true)
      .map(({ name, url, access }) => {
        const kind = kindOf(name);
        return { name, url: url as string, kind, rows: ROWS[kind], access };
      });
    return { documents };
  }

  ticket(till: TillIdentity): LiveTicket {
    const { ticket, freshMs } = this.#tickets.issue(this.#userOf(till));
    return { ticket, path: `${LIVE_PATH}?ticket=${ticket}`, useWithinMs: freshMs };
  }

  accept(socket: RepoSocket, till: TillIdentity): void {
    this.#documents.accept(socket, this.#userOf(till));
  }

  admit(ticket: string): ((socket: RepoSocket) => void) | undefined {
    const found = this.#tickets.redeem(ticket);
    return (
      found &&
      ((socket) => {
        this.#documents.accept(socket, found.user, found.mayBe);
      })
    );
  }

  metrics(): MetricSample[] {
    const { clients, documents, edits, refusals, unavailable, broken } = this.#documents.counts;
    const sample = (name: string, value: number, help: string): MetricSample => ({
      name: `branchline_live_${name}`,
      type: name.endsWith('_total') ? 'counter' : 'gauge',
      value,
      help,
    });
    return [
      sample('clients', clients, 'Clients of live documents.'),
      sample('documents', documents, 'Live documents open.'),
      sample('edits_total', edits, 'Edits of live documents offered to use cases.'),
      sample('refusals_total', refusals, 'Edits of live documents refused.'),
      sample(
        'unavailable_total',
        unavailable,
        'Requests for live documents that are not there, or not for that till.',
      ),
      sample('broken_total', broken, 'Clients of live documents closed for what they sent.'),
    ];
  }

  close(): Promise<void> {
    return this.#documents.close();
  }

  #userOf(till: TillIdentity): LiveTill {
    const addedAt = this.#parts.tills.get(till.till)?.addedAt;
    return { owner: `${till.till}/${addedAt ?? ''}`, till, addedAt };
  }
}

function liveSource(parts: LiveParts, rows: LiveRows): LiveSource<LiveTill> {
  const { trade, tills, pipeline, customers, rowWatch } = parts;
  const mayWrite = (document: string): boolean => {
    switch (kindOf(document)) {
      case 'catalog':
        return trade.mayWrite('catalog');
      case 'stock':
        return branchOf(document) === parts.branch && trade.mayWrite(document);
      case 'loyalty':
        return trade.mayWrite(customers.collection);
      default:
        return false;
    }
  };
  return {
    documents: () => rows.documents(),
    rowsName: (document) => ROWS[kindOf(document)],
    isDifference: (document) => kindOf(document) === 'stock',
    read: (document, wanted) => rows.read(document, wanted),
    access: ({ till, addedAt }, document): LiveAccess => {
      const now = tills.get(till.till);
      if (addedAt !== undefined && (now === undefined || now.revoked || now.addedAt !== addedAt)) {
        return 'none';
      }
      if (!mayEditLive({ ...till, role: (now ?? till).role })) {
        // A shard of loyalty says names and phones of all its customers; a till finds the one who stands before it.
        return kindOf(document) === 'loyalty' ? 'none' : 'read';
      }
      return mayWrite(document) ? 'write' : 'read';
    },
    edit: (edit) => editRow(pipeline, trade, edit),
    chunkFault: (bytes) => {
      const verdict = bytes[8] === DOCUMENT_CHUNK ? guardSnapshot(bytes) : guardChange(bytes);
      return verdict.ok ? undefined : verdict.detail;
    },
    watch: (listener) => {
      const ends = [
        rowWatch.listen((doc, changed) => {
          rows.note(doc, changed);
          listener({ document: rows.documentOf(doc), rows: changed });
        }),
        watchCustomers(parts, rows, listener),
      ];
      return () => {
        for (const end of ends) {
          end();
        }
      };
    },
  };
}

/** Profiles also change where no cell does: a key came, two customers were merged, one was erased. */
function watchCustomers(
  { customers, events, alarms }: LiveParts,
  rows: LiveRows,
  listener: (change: LiveChange) => void,
): () => void {
  const erased = new Set<string>();
  const look = async (id: string): Promise<void> => {
    const [document] = rows.namesOf({ customer: id });
    const customer = await customers.get(id);
    if ((customer as { erased?: boolean } | undefined)?.erased === true && !erased.has(id)) {
      if (erased.size >= ERASED_HELD_MAX) {
        erased.clear();
      }
      erased.add(id);
      listener({ document: document!, rows: undefined });
    } else {
      listener({ document: document!, rows: [id] });
    }
  };
  return events.subscribe(undefined, ({ type, data }) => {
    const { id } = data as { id?: string };
    if (type === 'customer.changed' && id !== undefined) {
      look(id).catch((error: Error) => alarms.raise('LIVE_DOCUMENTS', `Live documents: ${error.message}`));
    }
  }).unsubscribe;
}

async function editRow(
  pipeline: LiveParts['pipeline'],
  trade: LiveParts['trade'],
  { document, user, id, row, fields }: LiveEdit<LiveTill>,
): Promise<EditRefusal | undefined> {
  const body = { kind: kindOf(document), row, fields };
  const submission = {
    key: `automerge/${sha256(`${document}\0${id}`)}`,
    fingerprint: sha256(JSON.stringify(body)),
    till: user.till,
  };
  try {
    await pipeline.submit(submission, decisionOf(trade, body));
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError) {
      return { code: 'EDIT_REFUSED', cause: error.code, detail: error.message };
    }
    throw error;
  }
}

/** This branch, and every other whose stock this device is granted. */
function replicatedBranches({ ports, branch }: LiveParts): string[] {
  const { registry, key } = ports;
  const codes = new Set([branch]);
  for (const { grant } of registry.members()) {
    if (grant.role !== 'relay' && registry.mayRead(key.writer, `stock/${grant.branch}` as never)) {
      codes.add(grant.branch);
    }
  }
  return [...codes].filter((code) => isNamed(code)).sort();
}

function isNamed(branch: string): boolean {
  try {
    parseDocName(`stock/${branch}/2026-01`);
    return true;
  } catch {
    return false;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
