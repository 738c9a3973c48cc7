import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';

const LOOK_INTERVAL_MS = 20;

/** What takes a few seconds takes several times as long where processes stand still for seconds. */
const LIMIT_MS = 60_000;

/**
 * Waits until something that other processes bring about is true. It looks again and again, because
 * a real server does not call back; it never waits longer than the truth takes.
 */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  describe: () => unknown = () => '',
  limitMs = LIMIT_MS,
  /** Between two looks; more for one that starts a process. */
  intervalMs = LOOK_INTERVAL_MS,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) {
      throw new Error(
        `not so within ${limitMs} ms: ${condition.toString()} ${inspect(describe())}`,
      );
    }
    await delay(intervalMs);
  }
}
