/**
 * Where a node lives on a real machine: its directory, keys, database and store, opened in order and closed in reverse.
 *
 *     keys ─> anchor (node.json, a tenant made here by `init`, or enrolment) ─> LevelDB ─> journal ─> registry ─> the key in use
 *
 * Guarantees: a directory another process uses is refused before anything is touched; an interrupted enrolment is finished by the
 * next start with the same token; the store opens only on a journal that verifies. A lost or damaged LevelDB is set aside
 * and made again from the journal, which is the only truth.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Authority,
  type DeviceKey,
  type EnrolAnswer,
  FeedError,
  followRegistry,
  JournalStore,
  NodeDisk,
  Registry,
  readEnrolAnswer,
} from '@branchline/feed';
import { type Clock, HybridClock, type Random } from 'hlc-ts';
import { Level } from 'level';
import { z } from 'zod';
import type { NodeConfig } from './config.ts';
import { NodeError } from './errors.ts';
import { boundFile } from './files/bound-file.ts';
import { DataDirectory, type TrustAnchor } from './files/data-directory.ts';
import { readIfPresent } from './files/durable-file.ts';
import type { NodeLog } from './ports.ts';
import { type Inheritance, inheritanceOf } from './succession/inherit.ts';
import { Lineage } from './succession/lineage.ts';
import { presume, takeRestored, takeRotation } from './succession/take-over.ts';
import type { Fetch } from './sync/enrol.ts';
import { enrolPatiently } from './sync/patient-enrol.ts';

/** Branch code of a head office that keeps the authority itself, unless it is told another. */
export const HQ_BRANCH = 'HQ';

export interface HomeOptions {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NodeLog;
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
  /** Called while nobody answers who could enrol this device, with words for whoever looks. */
  readonly onWaiting?: (words: string) => Promise<void>;
}

export interface NodeHome {
  readonly directory: DataDirectory;
  readonly key: DeviceKey;
  readonly authorityKey: DeviceKey | undefined;
  readonly tenant: string;
  readonly store: JournalStore;
  readonly registry: Registry;
  readonly level: Level;
  readonly anchor: TrustAnchor;
  readonly lineage: Lineage;
  /** What a new key has to say first; `lineage.settle` when it did. */
  readonly inheritance: Inheritance | undefined;
  close(): Promise<void>;
}

type Closer = () => Promise<unknown> | unknown;
export type OpenedStore = Pick<NodeHome, 'store' | 'registry' | 'level' | 'close'>;

export async function openHome(options: HomeOptions): Promise<NodeHome> {
  const { log } = options;
  const directory = new DataDirectory(options.config.data);
  await directory.make();
  const found = await Lineage.open(directory);
  const authorityKey = await directory.readKey('authority');
  if (authorityKey !== undefined && options.config.token !== undefined) {
    throw await uselessToken(directory);
  }
  const { anchor, answer } = await findAnchor(options, directory, found.key, authorityKey);
  const opened = await openStore(options, anchor, directory, found.keys);
  try {
    const { store, registry } = opened;
    const { tornBytes, rebuilt } = store.opening;
    log.info({ position: store.position, tornBytes, rebuilt }, 'journal verified');
    const lineage = await settleKeys(options, found, registry);
    const { key } = lineage;
    const inheritance = await inheritanceOf({
      ...options,
      last: lineage.last,
      store,
      openAside: (predecessor) => openStore(options, anchor, lineage.aside(predecessor), lineage.keys),
    });
    const { tenant } = anchor;
    const home = { directory, key, authorityKey, tenant, anchor, lineage, inheritance, ...opened };
    await becomeMember(options, home, answer);
    log.info({ writer: key.writer, confirmed: registry.isConfirmed(key.writer) }, 'device key');
    return home;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Which key this life goes on with: a backup that was put back and a rotation that was granted bring a new one. */
async function settleKeys({ clock }: HomeOptions, found: Lineage, registry: Registry): Promise<Lineage> {
  presume(found, registry);
  const restored = await takeRestored(found, registry, clock.nowMs());
  const lineage = await takeRotation(restored, registry, clock.nowMs());
  presume(lineage, registry);
  return lineage;
}

/** Database, journal and registry, opened in order and closed in reverse. */
export async function openStore(
  { clock, log }: Pick<HomeOptions, 'clock' | 'log'>,
  anchor: TrustAnchor,
  at: { readonly journal: string; readonly index: string },
  ownKeys: readonly DeviceKey[],
): Promise<OpenedStore> {
  const closers: Closer[] = [];
  const own = new Map(ownKeys.map(({ writer, publicKey }) => [writer, publicKey]));
  try {
    const level = await openLevel(at.index, log);
    closers.push(() => level.close());
    const registry = new Registry(anchor.authorityKey);
    const store = await JournalStore.open({
      disk: new NodeDisk(),
      dir: at.journal,
      level: level.sublevel('feed'),
      tenant: anchor.tenant,
      // Keys of our own that the registry does not know yet have written here all the same.
      keys: (writer) => registry.keyOf(writer) ?? own.get(writer),
      clock,
    }).catch(explain);
    closers.push(() => store.close());
    closers.push(await followRegistry(store, registry));
    return { level, store, registry, close: () => closeAll(closers) };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** Whom to trust: what an earlier enrolment wrote, what `init` made here, or what the keeper of the authority answers now. */
async function findAnchor(
  options: HomeOptions,
  directory: DataDirectory,
  key: DeviceKey,
  authorityKey: DeviceKey | undefined,
): Promise<{ anchor: TrustAnchor; answer?: EnrolAnswer }> {
  const known = await directory.readAnchor();
  if (known !== undefined) {
    return { anchor: known };
  }
  const made = await madeHere(directory);
  if (made !== undefined && authorityKey !== undefined) {
    const anchor = { tenant: made, authorityKey: authorityKey.publicKey };
    await directory.writeAnchor(anchor);
    return { anchor };
  }
  const { anchor, answer } = await askForAdmission(options, key);
  await directory.writeAnchor(anchor);
  return { anchor, answer };
}

/** A device beside the authority is admitted by its hand. Passing the token over would make a head office of what was to be a branch. */
async function uselessToken(directory: DataDirectory): Promise<NodeError> {
  const tenant = (await madeHere(directory)) ?? (await directory.readAnchor())?.tenant ?? 'a tenant';
  return new NodeError(
    'NODE_CONFIG',
    `${directory.path} keeps the authority of ${tenant}; its node needs no token`,
    { hint: 'Start it without --token as head office, or start the branch in another folder with --data.' },
  );
}

const tenantFile = z.looseObject({ tenant: z.string().min(1) });

/** The tenant that `branchline init` made in this directory, if it did. */
async function madeHere(directory: DataDirectory): Promise<string | undefined> {
  const text = await readIfPresent(join(directory.path, 'relay.json'));
  return text === undefined ? undefined : tenantFile.parse(JSON.parse(text.toString('utf8'))).tenant;
}

/** Makes sure the registry here admits this device, by the authority's own hand or by asking its keeper. */
async function becomeMember(
  options: HomeOptions,
  home: Pick<NodeHome, 'directory' | 'key' | 'authorityKey' | 'tenant' | 'store' | 'registry'>,
  answer: EnrolAnswer | undefined,
): Promise<void> {
  const { key, authorityKey, store, registry, tenant, directory } = home;
  const { clock, config, log } = options;
  if (registry.member(key.writer) === undefined) {
    if (authorityKey !== undefined) {
      const hlc = await HybridClock.open({ clock, bound: boundFile(directory.path) });
      const now = () => hlc.now();
      const authority = await Authority.open({ key: authorityKey, tenant, store, registry, clock, now });
      await authority.createTenant();
      await authority.admit({ branch: config.branch ?? HQ_BRANCH, role: 'hq', publicKey: key.publicKey });
      await hlc.close();
    } else {
      const admitted = answer ?? (await askForAdmission(options, key)).answer;
      for (const run of readEnrolAnswer(admitted, registry)) {
        await store.append({ runs: [run] });
      }
      log.info({ writer: key.writer, tenant }, 'enrolled');
    }
  }
  const member = registry.member(key.writer);
  if (member === undefined) {
    throw new NodeError('NODE_NOT_ENROLLED', `the registry does not know device ${key.writer}`, {
      hint: 'Start the node once with --token and a new token of `branchline branch add`.',
    });
  }
  if (config.branch !== undefined && member.grant.branch !== config.branch) {
    throw new NodeError(
      'NODE_CONFIG',
      `this device is enrolled for branch ${member.grant.branch}, the configuration says ${config.branch}`,
      { hint: 'Correct the configuration, or enrol in another data directory.' },
    );
  }
}

async function askForAdmission(options: HomeOptions, key: DeviceKey) {
  const { config, fetch, onWaiting = async () => {} } = options;
  const url = config.enrol ?? config.relay ?? config.peers[0];
  if (config.token === undefined || url === undefined) {
    throw new NodeError('NODE_NOT_ENROLLED', `${config.data} holds no enrolled node`, {
      hint: 'Give it a relay and a one-time token: --relay URL --token T (see `branchline branch add`).',
    });
  }
  const { token, branch } = config;
  const pauseMaxMs = config.syncIntervalSeconds * 1_000;
  return await enrolPatiently({ url, token, key, branch, fetch }, { ...options, pauseMaxMs, onWaiting });
}

/** LevelDB holds nothing that the journal does not: a damaged one is set aside, not repaired. */
async function openLevel(path: string, log: NodeLog): Promise<Level> {
  const level = new Level(path);
  try {
    await level.open();
    return level;
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause;
    if (cause?.code === 'LEVEL_LOCKED') {
      throw new NodeError('NODE_LOCKED', `${path} is in use by another process`, {
        cause: error,
        hint: 'Stop the other node, or choose another data directory.',
      });
    }
    if (cause?.code !== 'LEVEL_CORRUPTION') {
      throw new NodeError('NODE_DATA', `${path} cannot be opened`, {
        cause: error,
        hint: 'Check permissions and free space of the disk.',
      });
    }
    const aside = `${path}.damaged`;
    log.warn({ aside, err: error }, 'the index is damaged; it is set aside and made again from the journal');
    await rename(path, aside);
    const fresh = new Level(path);
    await fresh.open();
    return fresh;
  }
}

function explain(error: unknown): never {
  if (error instanceof FeedError && error.code === 'STORE_LOCKED') {
    throw new NodeError('NODE_LOCKED', error.message, {
      cause: error,
      hint: error.hint ?? 'Stop the other node, or choose another data directory.',
    });
  }
  throw error;
}

/** In reverse; every one is tried, the first error is thrown. */
async function closeAll(closers: Closer[]): Promise<void> {
  const errors: unknown[] = [];
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) {
    throw errors[0];
  }
}
