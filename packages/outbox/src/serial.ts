/** One task at a time, in the order they came. A task that fails fails alone. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything asked for until now is done. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
