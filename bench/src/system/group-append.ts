/**
 * The least a durable write can be: append the bytes, `fdatasync`, say so. Writes that wait together share one sync, as any
 * journal with group commit does. This is the floor that sales are measured against, so it does nothing else.
 */
import { type FileHandle, open } from 'node:fs/promises';

export class GroupAppend {
  readonly #file: FileHandle;
  #waiting: { bytes: Uint8Array; done: () => void; failed: (error: unknown) => void }[] = [];
  #flushing = false;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<GroupAppend> {
    return new GroupAppend(await open(path, 'a'));
  }

  /** Resolves when the bytes would survive a power cut. */
  append(bytes: Uint8Array): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ bytes, done, failed });
      if (!this.#flushing) void this.#flush();
    });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#file.writev(group.map(({ bytes }) => bytes));
        await this.#file.datasync();
        for (const { done } of group) done();
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    this.#flushing = false;
  }
}
