import { NotReadyError } from './errors.js';

/**
 * What operators have under way with one flow that rests on its target and its configuration as they
 * are: promotions, of topics too, failbacks and drills. A change of the configuration opens the target
 * anew, so the two keep out of each other's way: the change waits until no act runs, and no act begins
 * in the moment in which it is applied.
 */
export class FlowActs {
  readonly #flow: string;
  /** One object for each: a drill promotes. */
  readonly #running = new Set<{ readonly name: string }>();
  /** Another configuration is being applied. */
  changing = false;
  /** Another configuration waits for what runs. */
  isAwaited = false;

  constructor(flow: string) {
    this.#flow = flow;
  }

  /** What began first of all that runs; undefined if nothing does. */
  get running(): string | undefined {
    const [first] = this.#running;
    return first?.name;
  }

  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.changing)
      throw new NotReadyError(`the configuration of ${this.#flow} is being changed: call again`);
    const act = { name };
    this.#running.add(act);
    try {
      return await work();
    } finally {
      this.#running.delete(act);
      if (this.#running.size === 0) this.isAwaited = false;
    }
  }
}
