/** What a listener has heard, and a way to wait for what it will hear. */
export class EventLog<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  readonly add = (event: T): void => {
    this.all.push(event);
    for (const check of this.#waiting) check();
  };

  /** The first event after `from` events that fits, heard already or yet to come. */
  next(fits: (event: T) => boolean, from = 0): Promise<T> {
    return new Promise((resolve) => {
      const check = (): void => {
        const index = this.all.findIndex((event, at) => at >= from && fits(event));
        if (index < 0) return;
        this.#waiting.delete(check);
        resolve(this.all[index] as T);
      };
      this.#waiting.add(check);
      check();
    });
  }
}
