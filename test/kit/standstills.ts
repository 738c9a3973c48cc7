/**
 * When processes stood still, as far as that shows from outside: each is asked again and again, and what
 * lies between two answers that are too far apart counts. So does a standstill of whoever asks. What is
 * measured in wall time can then be judged less what the machine took.
 */

/** Asks the process, and resolves when it has answered, whatever it says; a refusal is an answer. */
export type Probe = () => Promise<unknown>;

/** By the wall clock, as brokers stamp records. */
export interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
}

const ASK_INTERVAL_MS = 50;

/** Answers that are further apart than this are of a process that stood still. */
const APART_MS_MAX = 300;

export class Standstills {
  readonly #found: Stretch[] = [];
  readonly #stop = new AbortController();
  readonly #asking: Promise<void>[];

  constructor(probes: readonly Probe[]) {
    this.#asking = probes.map((probe) => this.#watch(probe));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#asking);
  }

  /** What of this stretch lies outside all standstills. */
  movingMs({ fromMs, untilMs }: Stretch): number {
    return untilMs - fromMs - coveredMs(this.#found, { fromMs, untilMs });
  }

  async #watch(probe: Probe): Promise<void> {
    // It was seen to run at some time after the last question that it answered.
    let seenMs = Date.now();
    while (!this.#stop.signal.aborted) {
      const askedMs = Date.now();
      await probe().catch(() => undefined);
      const nowMs = Date.now();
      if (nowMs - seenMs > APART_MS_MAX) this.#found.push({ fromMs: seenMs, untilMs: nowMs });
      seenMs = askedMs;
      await new Promise((resolve) => setTimeout(resolve, ASK_INTERVAL_MS));
    }
  }
}

/** How much of `within` these cover, which may overlap. */
export function coveredMs(stretches: readonly Stretch[], within: Stretch): number {
  let sum = 0;
  let doneMs = within.fromMs;
  for (const { fromMs, untilMs } of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    const endMs = Math.min(untilMs, within.untilMs);
    sum += Math.max(0, endMs - Math.max(fromMs, doneMs));
    doneMs = Math.max(doneMs, endMs);
  }
  return sum;
}
