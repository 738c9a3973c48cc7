/** Lets one loop wait until something is to be done. A wake-up while nobody waits is remembered. */
export class Wakeup {
  #pending = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#pending = true;
    this.#resolve?.();
  }

  /** Resolves at the next wake-up, or at once if there was one; also when `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#pending && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        signal.addEventListener('abort', this.#onAbort, { once: true });
      });
      signal.removeEventListener('abort', this.#onAbort);
      this.#resolve = undefined;
    }
    this.#pending = false;
  }

  readonly #onAbort = (): void => this.#resolve?.();
}
