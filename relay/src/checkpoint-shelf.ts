/**
 * Checkpoints on a relay: kept as they were signed, forwarded to whoever is far behind, never opened.
 *
 * Guarantees: what is here was signed by somebody the registry lets vouch, stands in for entries of documents only, and is on
 * disk; the newest of each collection is kept. A relay that has no room for another one goes without: peers get entries.
 */
import {
  type CheckpointMark,
  CheckpointShelf,
  type CheckpointSink,
  type CheckpointSource,
  FeedError,
  type HeldCheckpoint,
  type SignedCheckpoint,
} from '@branchline/feed';
import type { Logger } from 'pino';
import type { RelayPorts } from './ports.ts';
import type { RelayCore } from './relay-core.ts';

export class RelayShelf implements CheckpointSink {
  readonly source: CheckpointSource;
  readonly #shelf: CheckpointShelf;
  readonly #log: Logger;

  private constructor(shelf: CheckpointShelf, log: Logger) {
    this.source = shelf;
    this.#shelf = shelf;
    this.#log = log;
  }

  static async open({ disk, clock, log }: RelayPorts, core: Pick<RelayCore, 'folder' | 'registry'>) {
    const shelf = await CheckpointShelf.open({
      disk,
      dir: core.folder.checkpoints,
      clock,
      mayVouch: (writer) => core.registry.mayVouch(writer),
    });
    if (shelf.damaged.length > 0) {
      log.warn({ files: shelf.damaged }, 'checkpoints that are damaged are not used');
    }
    return new RelayShelf(shelf, log);
  }

  /** Present, so that head office sends what is newer. */
  held(): readonly HeldCheckpoint[] {
    return this.#shelf.marks();
  }

  marks(): readonly CheckpointMark[] {
    return this.#shelf.marks();
  }

  /** True when every byte can be read back and is what was signed for. */
  async isWhole({ collection, id }: CheckpointMark): Promise<boolean> {
    return (await this.#shelf.load(collection, id)) !== undefined;
  }

  async apply(checkpoint: SignedCheckpoint): Promise<void> {
    const { collection, id } = checkpoint;
    try {
      await this.#shelf.keep(checkpoint);
      this.#log.info({ collection, id }, 'checkpoint kept');
    } catch (error) {
      if (!(error instanceof FeedError && error.code === 'FEED_LIMIT')) {
        throw error;
      }
      this.#log.warn({ collection, id, err: error }, 'checkpoint not kept');
    }
  }
}
