/**
 * What happens on disk when a device goes on under a new key, at the start of the program, before anything is opened.
 *
 *     succession.json + successor.key      asked for, not granted yet: the old key goes on asking, and sells nothing
 *     the registry knows the new key  ──>  a diverged journal and its index are set aside, whole, as evidence
 *                                          device.key is kept as device.<writer>.key, successor.key becomes device.key
 *     succession.json, no successor.key    the new key has the directory; what only we had is said again, then the file goes
 *
 * Guarantees: at every instant there is one device key; each step is done or not done and found out again by the next start.
 * A set-aside journal is never opened for writing again.
 */
import { access, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  collectionOf,
  type DeviceKey,
  type FeedName,
  type FeedStore,
  type IncarnationPlan,
  type Registry,
  type WriterId,
} from '@branchline/feed';
import { z } from 'zod';
import type { DataDirectory } from '../files/data-directory.ts';
import { readIfPresent, removeDurably, syncDirectory, writeDurably } from '../files/durable-file.ts';
import type { SuccessionStore } from './succession.ts';

const READ_BYTES = 1024 * 1024;

const planFile = z.strictObject({
  predecessor: z.string(),
  diverged: z.boolean(),
  ends: z.array(
    z.strictObject({
      feed: z.string(),
      ours: z.int(),
      common: z.strictObject({ seq: z.int(), hash: z.string() }),
    }),
  ),
});

export class SuccessionFiles implements SuccessionStore {
  readonly #directory: DataDirectory;
  #restored: boolean;

  private constructor(directory: DataDirectory, restored: boolean) {
    this.#directory = directory;
    this.#restored = restored;
  }

  static async open(directory: DataDirectory): Promise<SuccessionFiles> {
    return new SuccessionFiles(directory, await isThere(join(directory.path, 'restored.json')));
  }

  get isRestored(): boolean {
    return this.#restored;
  }

  async current(): Promise<void> {
    this.#restored = false;
    await removeDurably(join(this.#directory.path, 'restored.json'));
  }

  async begin(plan: IncarnationPlan): Promise<DeviceKey> {
    const ends = plan.ends.map(({ feed, ours, common }) => ({
      feed,
      ours,
      common: { seq: common.seq, hash: Buffer.from(common.hash).toString('hex') },
    }));
    const key = await this.#directory.readOrMakeKey('successor');
    await writeDurably(this.#planPath, `${JSON.stringify({ ...plan, ends })}\n`);
    return key;
  }

  async readPlan(): Promise<IncarnationPlan | undefined> {
    const text = await readIfPresent(this.#planPath);
    if (text === undefined) {
      return undefined;
    }
    const { predecessor, diverged, ends } = planFile.parse(JSON.parse(text.toString('utf8')));
    return {
      predecessor: predecessor as WriterId,
      diverged,
      ends: ends.map(({ feed, ours, common }) => ({
        feed: feed as FeedName,
        ours,
        common: { seq: common.seq, hash: new Uint8Array(Buffer.from(common.hash, 'hex')) },
      })),
    };
  }

  /** Called once everything was said again: the succession is over. */
  async finish(): Promise<void> {
    await this.current();
    await removeDurably(this.#planPath);
  }

  /** Where a diverged history is kept. */
  aside(writer: WriterId): { readonly journal: string; readonly index: string } {
    return {
      journal: `${this.#directory.journal}.${writer}`,
      index: `${this.#directory.index}.${writer}`,
    };
  }

  async isAside(writer: WriterId): Promise<boolean> {
    return await isThere(this.aside(writer).index);
  }

  /** Called with everything closed. The index goes last: its place tells that both are aside. */
  async setAside(writer: WriterId): Promise<void> {
    const { journal, index } = this.aside(writer);
    if (!(await isThere(journal))) {
      await rename(this.#directory.journal, journal);
    }
    await rename(this.#directory.index, index);
    await syncDirectory(this.#directory.path);
  }

  /** The successor's key becomes the device's; the old one is kept, because it proves what is ours. */
  async swapKeys(old: DeviceKey): Promise<void> {
    await this.#directory.keepKey(old, `device.${old.writer}`);
    await rename(join(this.#directory.path, 'successor.key'), join(this.#directory.path, 'device.key'));
    await syncDirectory(this.#directory.path);
  }

  get #planPath(): string {
    return join(this.#directory.path, 'succession.json');
  }
}

/**
 * Fills a new store from the one set aside: everything of others, and of our own what the peer holds as well. The registry goes
 * first, because it knows the keys. May be repeated after a crash.
 */
export async function copyCommon(
  from: FeedStore,
  to: FeedStore,
  registry: Registry,
  plan: IncarnationPlan,
): Promise<void> {
  const limits = new Map(plan.ends.map(({ feed, common }) => [feed, common.seq]));
  const feeds = [...from.feeds().values()].sort((a, b) => rank(a.feed, registry) - rank(b.feed, registry));
  for (const { feed, head, base } of feeds) {
    const end = limits.get(feed) ?? head.seq;
    if (base.seq > 0 && !to.feeds().has(feed)) {
      await to.adopt(feed, base);
    }
    for (let next = (to.feeds().get(feed)?.head.seq ?? 0) + 1; next <= end; ) {
      const run = await from.read(feed, next, next + 1 >= end ? 1 : READ_BYTES);
      const last = run === undefined ? end : run.from + run.entries.length - 1;
      if (run === undefined || last > end) {
        // The peer's copy ends inside one of our commits, or a large read went past its end: go on by single commits.
        const single = run === undefined ? undefined : await from.read(feed, next, 1);
        if (single === undefined || single.from + single.entries.length - 1 > end) {
          break;
        }
        await to.append({ runs: [single] });
        next = single.from + single.entries.length;
        continue;
      }
      await to.append({ runs: [run] });
      next = last + 1;
    }
  }
}

function rank(feed: FeedName, registry: Registry): number {
  return feed === registry.feed ? 0 : collectionOf(feed).startsWith('local') ? 2 : 1;
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
