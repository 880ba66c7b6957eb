/** Rung by whoever has news, waited for by one loop. Rung while nobody waits, it answers the next wait at once. */
export class Doorbell {
  #rung = false;
  #open: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#open?.();
  }

  async wait(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#open = resolve;
      });
      this.#open = undefined;
    }
    this.#rung = false;
  }
}
