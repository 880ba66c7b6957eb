/**
 * The keys a device has had, oldest first, and why each followed the one before. The last one is the device's now.
 *
 *     device.key            the key in use
 *     device.<writer>.key   earlier ones: they prove whose successor the next is
 *     successor.key         the next one, for the moment in which it takes over
 *     rotation.key          asked for because the operator ordered it; takes over once the registry has it
 *     succession.json       one record per succession; the record is the decision
 *
 *     successor.key ──> device.<old>.key ──> record ──> journal and index swapped (a diverged one) ──> device.key
 *
 * Guarantees: at every instant exactly one key is the device's; a start after a crash finishes what was decided and forgets what was
 * not; no key and no journal is ever written over.
 *
 * Does not: decide when (succession.ts), or talk to anybody.
 */
import { createHash } from 'node:crypto';
import { access, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DeviceKey, generateDeviceKey, type IncarnationPlan, type WriterId } from '@branchline/feed';
import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { DataDirectory } from '../files/data-directory.ts';
import { readIfPresent, removeDurably, syncDirectory, writeDurably } from '../files/durable-file.ts';
import { planFromJson, planJson, planToJson } from './plan-file.ts';

/** Why a key followed another: a backup was put back, a copy of the device was at work, the operator ordered it. */
export const successionReasons = ['restored', 'copied', 'rotated'] as const;
export type SuccessionReason = (typeof successionReasons)[number];

const record = z.strictObject({
  writer: z.string(),
  predecessor: z.string(),
  reason: z.enum(successionReasons),
  at: z.string(),
  /** The number in the order numbers of the new key, until the registry says another. */
  incarnation: z.int().min(2),
  /** Which `restored.json` it answers. */
  mark: z.string().exactOptional(),
  /** The new key has said what it had to say first. */
  settled: z.boolean(),
  /** Where the histories part; the predecessor's is the backup's own end when left out. */
  plan: planJson.exactOptional(),
});
const recordsFile = z.strictObject({ format: z.literal(1), successions: z.array(record) });
type StoredRecord = z.infer<typeof record>;

export interface SuccessionRecord {
  readonly writer: WriterId;
  readonly predecessor: WriterId;
  readonly reason: SuccessionReason;
  readonly at: string;
  readonly incarnation: number;
  readonly mark?: string;
  readonly settled: boolean;
  readonly plan?: IncarnationPlan;
  /** Folder in which the predecessor's other history stands, if it does. */
  readonly evidence?: string;
}

/** What `branchline restore` left in the directory. */
export interface RestoredMark {
  readonly id: string;
  /** How often this backup has been put back, this time included. */
  readonly times: number;
}

const markFile = z.looseObject({ times: z.int().min(1).catch(1) });
const PARTS = ['journal', 'index'] as const;

export class Lineage {
  readonly directory: DataDirectory;
  readonly records: readonly SuccessionRecord[];
  /** Oldest first; the last one is the device's. */
  readonly keys: readonly DeviceKey[];

  private constructor(directory: DataDirectory, records: readonly SuccessionRecord[], keys: DeviceKey[]) {
    this.directory = directory;
    this.records = records;
    this.keys = keys;
  }

  /** Finishes a succession that was decided and interrupted. Nothing else may be open in the directory. */
  static async open(directory: DataDirectory): Promise<Lineage> {
    const records = await readRecords(directory);
    const last = records.at(-1);
    if (last !== undefined) {
      await finish(directory, last);
    }
    await dropLeftovers(directory);
    const keys: DeviceKey[] = [];
    const known: SuccessionRecord[] = [];
    for (const each of records) {
      keys.push(await needKey(directory, `device.${each.predecessor}`));
      const { journal } = beside(directory, each.predecessor);
      known.push((await isThere(journal)) ? { ...each, evidence: journal } : each);
    }
    keys.push(await directory.readOrMakeKey('device'));
    return new Lineage(directory, known, keys);
  }

  get key(): DeviceKey {
    return this.keys.at(-1)!;
  }

  get last(): SuccessionRecord | undefined {
    return this.records.at(-1);
  }

  async readMark(): Promise<RestoredMark | undefined> {
    const text = await readIfPresent(join(this.directory.path, RESTORED_MARK));
    if (text === undefined) {
      return undefined;
    }
    const parsed = markFile.safeParse(safeJson(text.toString('utf8')));
    const id = createHash('sha256').update(text).digest('hex').slice(0, 16);
    return { id, times: parsed.success ? parsed.data.times : 1 };
  }

  async forgetMark(): Promise<void> {
    await removeDurably(join(this.directory.path, RESTORED_MARK));
  }

  /** The key of a rotation the operator ordered; the same one until it has taken over. */
  rotationKey(): Promise<DeviceKey> {
    return this.directory.readOrMakeKey('rotation');
  }

  readRotationKey(): Promise<DeviceKey | undefined> {
    return this.directory.readKey('rotation');
  }

  /**
   * Decides that `next` follows the key in use, and carries it out. With `plan.diverged` the journal and index made ready under
   * `staged(next.writer)` take the place of the present ones, which must be closed.
   */
  async follow(
    next: DeviceKey,
    how: Pick<SuccessionRecord, 'reason' | 'at' | 'incarnation' | 'mark' | 'plan'>,
  ): Promise<Lineage> {
    const { directory, key } = this;
    await directory.keepKey(next, 'successor');
    await directory.keepKey(key, `device.${key.writer}`);
    const made: SuccessionRecord = { writer: next.writer, predecessor: key.writer, settled: false, ...how };
    await writeRecords(directory, [...this.records, made]);
    return await Lineage.open(directory);
  }

  /** Called when the key in use has said what it had to say first. */
  async settle(): Promise<void> {
    const { directory, records, last } = this;
    if (last !== undefined) {
      await writeRecords(directory, [...records.slice(0, -1), { ...last, settled: true }]);
    }
  }

  /** Where a journal and an index for a new key are made ready. */
  staged(writer: WriterId): { readonly journal: string; readonly index: string } {
    return beside(this.directory, `next.${writer}`);
  }

  /** Where a diverged history of a writer is kept, whole, as evidence. */
  aside(writer: WriterId): { readonly journal: string; readonly index: string } {
    return beside(this.directory, writer);
  }
}

export const RESTORED_MARK = 'restored.json';

export function freshKey(): DeviceKey {
  return generateDeviceKey();
}

/** Each step is done, or seen to be still undone by the next start. */
async function finish(directory: DataDirectory, last: SuccessionRecord): Promise<void> {
  const present = await directory.readKey('device');
  if (present?.writer === last.writer) {
    return;
  }
  const next = await needKey(directory, 'successor');
  if (next.writer !== last.writer) {
    throw new NodeError('NODE_DATA', `${directory.path} lacks the key of ${last.writer}`, {
      hint: 'Put back successor.key from the newest backup, or enrol the node anew.',
    });
  }
  if (last.plan?.diverged === true) {
    await swap(directory, last);
  }
  await rename(join(directory.path, 'successor.key'), join(directory.path, 'device.key'));
  await syncDirectory(directory.path);
}

async function swap(directory: DataDirectory, { writer, predecessor }: SuccessionRecord): Promise<void> {
  const staged = beside(directory, `next.${writer}`);
  const aside = beside(directory, predecessor);
  for (const part of PARTS) {
    if (!(await isThere(staged[part]))) {
      continue;
    }
    if (await isThere(directory[part])) {
      await rename(directory[part], aside[part]);
    }
    await rename(staged[part], directory[part]);
  }
  await syncDirectory(directory.path);
}

/** What was made ready for a decision that was never taken, and keys that have arrived where they belong. */
async function dropLeftovers(directory: DataDirectory): Promise<void> {
  const names = await readdir(directory.path);
  for (const name of names.filter((each) => /^(journal|index)\.next\./.test(each))) {
    await rm(join(directory.path, name), { recursive: true, force: true });
  }
  if (names.includes('successor.key')) {
    await removeDurably(join(directory.path, 'successor.key'));
  }
  const [rotation, device] = [await directory.readKey('rotation'), await directory.readKey('device')];
  if (rotation !== undefined && rotation.writer === device?.writer) {
    await removeDurably(join(directory.path, 'rotation.key'));
  }
}

async function needKey(directory: DataDirectory, name: string): Promise<DeviceKey> {
  const key = await directory.readKey(name);
  if (key === undefined) {
    throw new NodeError('NODE_DATA', `${name}.key is missing in ${directory.path}`, {
      hint: 'Put it back from a backup; it proves whose successor this device is.',
    });
  }
  return key;
}

function recordsPath(directory: DataDirectory): string {
  return join(directory.path, 'succession.json');
}

async function readRecords(directory: DataDirectory): Promise<SuccessionRecord[]> {
  const text = await readIfPresent(recordsPath(directory));
  if (text === undefined) {
    return [];
  }
  const parsed = recordsFile.safeParse(safeJson(text.toString('utf8')));
  if (!parsed.success) {
    throw new NodeError('NODE_DATA', `${recordsPath(directory)} is damaged`, {
      cause: parsed.error,
      hint: 'Restore it from a backup; without it the node cannot tell which numbers it has given out.',
    });
  }
  return parsed.data.successions.map(({ plan, writer, predecessor, ...rest }) => ({
    ...rest,
    writer: writer as WriterId,
    predecessor: predecessor as WriterId,
    ...(plan === undefined ? {} : { plan: planFromJson(plan) }),
  }));
}

async function writeRecords(directory: DataDirectory, records: readonly SuccessionRecord[]): Promise<void> {
  const successions = records.map(
    ({ plan, evidence: _, ...rest }): StoredRecord => ({
      ...rest,
      ...(plan === undefined ? {} : { plan: planToJson(plan) }),
    }),
  );
  await writeDurably(recordsPath(directory), `${JSON.stringify({ format: 1, successions })}\n`);
}

function beside(directory: DataDirectory, name: string): { journal: string; index: string } {
  return { journal: `${directory.journal}.${name}`, index: `${directory.index}.${name}` };
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
