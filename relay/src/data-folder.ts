/**
 * The folder of a relay and its small files. Feeds live below `journal/` and `index/` and are the store's business, signed
 * checkpoints below `checkpoints/`.
 *
 *     relay.json      tenant, the authority's public key, when it was made; written last by `init`
 *     authority.key   signs the registry; may be moved away and kept offline       0600
 *     relay.key       the relay's own device key                                   0600
 *     admin.json      SHA-256 of the admin token                                   0600
 *     operators.json  names, roles and hashes of tokens the operators made         0600
 *     audit.jsonl     what operators did, a line each                              0600
 *     clock-bound     no stamp above it was ever given out
 *     restored.json   left by `branchline restore`: peers may know a longer registry than this folder
 *     control.json    address and token of the running program, for commands on this machine   0600
 *
 * Every file is whole or absent: written beside, synced, renamed over, folder synced. A private key is never written over.
 */
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DeviceKey, exportDeviceKey, generateDeviceKey, importDeviceKey } from '@branchline/feed';
import { parseStamp, type UpperBoundStore, ZERO_STAMP } from 'hlc-ts';
import { z } from 'zod';
import { RelayError } from './errors.ts';

const PRIVATE_MODE = 0o600;
const PRIVATE_FOLDER_MODE = 0o700;

/** Of the whole folder: raised when a program of before could no longer read what a newer one wrote. */
export const FOLDER_FORMAT = 1;

const relayFile = z.strictObject({
  format: z.literal(FOLDER_FORMAT),
  tenant: z.string().min(1),
  authorityKey: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.string(),
});
export type RelayFile = z.infer<typeof relayFile>;

const operatorsFile = z.strictObject({
  operators: z.array(
    z.strictObject({
      name: z.string(),
      role: z.enum(['view', 'operate']),
      tokenHash: z.string().regex(/^[0-9a-f]{64}$/),
      addedAt: z.string(),
    }),
  ),
});
type OperatorRows = z.infer<typeof operatorsFile>['operators'];

const adminFile = z.strictObject({ tokenHash: z.string().regex(/^[0-9a-f]{64}$/) });

export interface ControlFile {
  readonly program: 'relay';
  readonly url: string;
  readonly pid: number;
  readonly token: string;
}

export class DataFolder {
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

  get audit(): string {
    return join(this.path, 'audit.jsonl');
  }

  get index(): string {
    return join(this.path, 'index');
  }

  async make(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: PRIVATE_FOLDER_MODE });
  }

  async isInitialised(): Promise<boolean> {
    return (await this.#read('relay.json')) !== undefined;
  }

  async readRelay(): Promise<RelayFile> {
    const bytes = await this.#read('relay.json');
    if (bytes === undefined) {
      throw new RelayError('RELAY_DATA', `${this.path} holds no relay`, {
        hint: `Make one with: branchline init --data ${this.path} --tenant NAME`,
      });
    }
    this.#refuseNewer(bytes);
    return this.#parse('relay.json', bytes, relayFile);
  }

  async writeRelay(content: RelayFile): Promise<void> {
    await this.#write('relay.json', json(content));
  }

  async readAdminTokenHash(): Promise<string> {
    const bytes = await this.#read('admin.json');
    if (bytes === undefined) {
      throw new RelayError('RELAY_DATA', 'admin.json is missing', { hint: 'Restore it from a backup.' });
    }
    return this.#parse('admin.json', bytes, adminFile).tokenHash;
  }

  async writeAdminTokenHash(tokenHash: string): Promise<void> {
    await this.#write('admin.json', json({ tokenHash }));
  }

  /** None until the first is made. */
  async readOperators(): Promise<OperatorRows> {
    const bytes = await this.#read('operators.json');
    return bytes === undefined ? [] : this.#parse('operators.json', bytes, operatorsFile).operators;
  }

  async writeOperators(operators: Readonly<OperatorRows>): Promise<void> {
    await this.#write('operators.json', json({ operators }));
  }

  async readKey(name: 'authority' | 'relay'): Promise<DeviceKey | undefined> {
    const bytes = await this.#read(`${name}.key`);
    return bytes && importDeviceKey(bytes);
  }

  /** The key that is there, or a new one; an existing key is never replaced. */
  async readOrMakeKey(name: 'authority' | 'relay'): Promise<DeviceKey> {
    const existing = await this.readKey(name);
    if (existing !== undefined) {
      return existing;
    }
    const key = generateDeviceKey();
    await this.#write(`${name}.key`, exportDeviceKey(key));
    return key;
  }

  async writeControl(content: ControlFile): Promise<void> {
    await this.#write('control.json', json(content));
  }

  async removeControl(): Promise<void> {
    await unlink(join(this.path, 'control.json')).catch(unlessMissing);
  }

  async isRestored(): Promise<boolean> {
    return (await this.#read('restored.json')) !== undefined;
  }

  async forgetRestored(): Promise<void> {
    await unlink(join(this.path, 'restored.json')).catch(unlessMissing);
  }

  clockBound(): UpperBoundStore {
    return {
      load: async () => {
        const text = (await this.#read('clock-bound'))?.toString('latin1').trim() ?? '';
        return /^[0-9a-f]{16}$/.test(text) ? parseStamp(text) : ZERO_STAMP;
      },
      save: (bound) => this.#write('clock-bound', bound.toString(16).padStart(16, '0')),
    };
  }

  /** A roll-back too far: what is there is not damaged, this program is too old for it. */
  #refuseNewer(bytes: Buffer): void {
    const found = this.#parse('relay.json', bytes, z.looseObject({ format: z.int() })).format;
    if (found > FOLDER_FORMAT) {
      const words = `${this.path} was written by a newer Branchline (format ${found}; this one knows ${FOLDER_FORMAT})`;
      throw new RelayError('RELAY_FORMAT_NEWER', words, {
        hint: 'Install that version again, or start on the backup made before the upgrade. Nothing was changed.',
      });
    }
  }

  #parse<T>(name: string, bytes: Buffer, schema: z.ZodType<T>): T {
    try {
      return schema.parse(JSON.parse(bytes.toString('utf8')));
    } catch (cause) {
      throw new RelayError('RELAY_DATA', `${join(this.path, name)} is damaged`, {
        cause,
        hint: 'Restore it from a backup.',
      });
    }
  }

  async #read(name: string): Promise<Buffer | undefined> {
    return await readFile(join(this.path, name)).catch(unlessMissing);
  }

  async #write(name: string, content: Uint8Array | string): Promise<void> {
    const path = join(this.path, name);
    const file = await open(`${path}.new`, 'w', PRIVATE_MODE);
    try {
      await file.writeFile(content);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    const folder = await open(this.path, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

function json(content: unknown): string {
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') {
    throw error;
  }
  return undefined;
}
