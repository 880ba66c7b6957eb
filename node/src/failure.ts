/** The first thing that went wrong for good: whoever learns of it sets it, the program waits for it and ends. */
export class Failure {
  readonly happened: Promise<Error>;
  #error: Error | undefined;
  #resolve: (error: Error) => void = () => {};

  constructor() {
    this.happened = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get error(): Error | undefined {
    return this.#error;
  }

  set(error: Error): void {
    if (this.#error === undefined) {
      this.#error = error;
      this.#resolve(error);
    }
  }
}
