/**
 * The disk port: what the journal needs from a file system, and nothing more.
 *
 * The journal's promise is only as good as these words, so they are exact: what `append` wrote may be lost, torn or reordered by a
 * power cut until `datasync` of that file resolves; a name made or removed may be lost until `syncDir` of its directory
 * resolves. Any of the calls may fail; after a failed `append` or `datasync` the file's content is unknown.
 *
 * Implementations: `NodeDisk` (node:fs), and a simulated disk in the tests that loses, tears and fails on purpose.
 */
export interface DiskFile {
  /** Called by the group commit with all waiting records: at the end of the file, all of the bytes. */
  append(bytes: Uint8Array): Promise<void>;
  /** Called before anything is acknowledged: resolves when content and length are on the medium. */
  datasync(): Promise<void>;
  /** Called by readers. Fewer bytes than asked for only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  size(): Promise<number>;
  /** Called at open to cut a torn tail. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** `create` fails when the file exists, the others when it does not. `append` may also read. */
export type OpenMode = 'create' | 'append' | 'read';

export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Names in a directory; makes the directory, and its name durable, when it does not exist. */
  list(dir: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  /** Does nothing when the file does not exist. */
  remove(path: string): Promise<void>;
  syncDir(dir: string): Promise<void>;
  /** Bytes an ordinary user can still write. */
  freeBytes(dir: string): Promise<number>;
  /** Called at open; the result releases. `STORE_LOCKED` while another holder lives. A crash releases. */
  lock(path: string): Promise<() => Promise<void>>;
}
