/**
 * The directory of a node and its small files. Feeds live below `journal/` and `index/` and are the store's business, what stands
 * in for the beginnings of some of them below `checkpoints/`.
 *
 *     device.key      this device's private key, made here and never sent anywhere          0600
 *     device.<writer>.key  keys it had before; succession.json says how they followed each other (`succession/lineage.ts`)
 *     rotation.key    a key the operator has ordered, until it takes over                   0600
 *     restored.json   left by `branchline restore`, until the node has taken a new key
 *     node.json       tenant and the authority's public key: the trust anchor from enrolment
 *     authority.key   signs the registry; only where this node keeps the authority          0600
 *     clock-bound     no stamp above it was ever given out
 *     control.json    address and token of the running program
 *
 * Every file is whole or absent. A private key is never written over.
 */
import { join } from 'node:path';
import { type DeviceKey, exportDeviceKey, generateDeviceKey, importDeviceKey } from '@branchline/feed';
import { z } from 'zod';
import { NodeError } from '../errors.ts';
import { makeDirectory, readIfPresent, writeDurably } from './durable-file.ts';

/** Of the whole folder: raised when a program of before could no longer read what a newer one wrote. */
export const FOLDER_FORMAT = 1;

const anchorFile = z.strictObject({
  format: z.literal(FOLDER_FORMAT),
  tenant: z.string().min(1),
  authorityKey: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Whom this device believes about who may what. */
export interface TrustAnchor {
  readonly tenant: string;
  readonly authorityKey: Uint8Array;
}

export class DataDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get journal(): string {
    return join(this.path, 'journal');
  }

  get checkpoints(): string {
    return join(this.path, 'checkpoints');
  }

  get index(): string {
    return join(this.path, 'index');
  }

  async make(): Promise<void> {
    await makeDirectory(this.path);
  }

  /** The key that is there, or a new one. Made before enrolment, so that a lost answer can be asked for again. */
  async readOrMakeKey(name: 'device' | 'authority' | 'rotation'): Promise<DeviceKey> {
    const existing = await this.readKey(name);
    if (existing !== undefined) {
      return existing;
    }
    const key = generateDeviceKey();
    await this.keepKey(key, name);
    return key;
  }

  async keepKey(key: DeviceKey, name: string): Promise<void> {
    await writeDurably(join(this.path, `${name}.key`), exportDeviceKey(key));
  }

  async readKey(name: string): Promise<DeviceKey | undefined> {
    const bytes = await readIfPresent(join(this.path, `${name}.key`));
    return bytes === undefined ? undefined : importDeviceKey(bytes);
  }

  async readAnchor(): Promise<TrustAnchor | undefined> {
    const path = join(this.path, 'node.json');
    const bytes = await readIfPresent(path);
    if (bytes === undefined) {
      return undefined;
    }
    try {
      const content: unknown = JSON.parse(bytes.toString('utf8'));
      refuseNewer(content, this.path);
      const { tenant, authorityKey } = anchorFile.parse(content);
      return { tenant, authorityKey: new Uint8Array(Buffer.from(authorityKey, 'hex')) };
    } catch (cause) {
      if (cause instanceof NodeError) {
        throw cause;
      }
      throw new NodeError('NODE_DATA', `${path} is damaged`, {
        cause,
        hint: 'Restore it from a backup, or remove it and start with a new enrolment token.',
      });
    }
  }

  async writeAnchor({ tenant, authorityKey }: TrustAnchor): Promise<void> {
    const content = {
      format: FOLDER_FORMAT,
      tenant,
      authorityKey: Buffer.from(authorityKey).toString('hex'),
    };
    await writeDurably(join(this.path, 'node.json'), `${JSON.stringify(content)}\n`);
  }
}

/** A roll-back too far: what is there is not damaged, this program is too old for it. */
function refuseNewer(content: unknown, path: string): void {
  const parsed = z.looseObject({ format: z.int() }).safeParse(content);
  if (parsed.success && parsed.data.format > FOLDER_FORMAT) {
    throw new NodeError(
      'NODE_FORMAT_NEWER',
      `${path} was written by a newer Branchline (format ${parsed.data.format}; this one knows ${FOLDER_FORMAT})`,
      {
        hint: 'Install that version again, or start on the backup made before the upgrade. Nothing was changed.',
      },
    );
  }
}
