import type { Clock } from '../../common/clock.js';
import { MirrorError } from '../../common/errors.js';
import { RETRY_MAX_MS } from './limits.js';

export interface PeriodicTask {
  /** Between the starts of two runs; the shortest one of all tasks is the beat. */
  intervalMs: number;
  run: (signal: AbortSignal) => Promise<void>;
}

export interface PeriodicOptions {
  /** In this order at every beat; a failure makes the later ones wait for the next. */
  tasks: readonly PeriodicTask[];
  clock: Clock;
  signal: AbortSignal;
  onSuccess: () => void;
  onFailure: (error: MirrorError) => 'go on' | 'stop';
}

/** Runs until the signal aborts or a failure says stop. Rejects for programmers' errors only. */
export async function runPeriodically(options: PeriodicOptions): Promise<void> {
  const { clock, signal } = options;
  const beatMs = Math.min(...options.tasks.map(({ intervalMs }) => intervalMs));
  const tasks = options.tasks.map((task) => ({ ...task, dueMs: clock.nowMs() + task.intervalMs }));
  let waitMs = beatMs;
  for (;;) {
    try {
      await clock.sleep(waitMs, signal);
      for (const task of tasks) {
        if (clock.nowMs() < task.dueMs) continue;
        await task.run(signal);
        task.dueMs = clock.nowMs() + task.intervalMs;
      }
      waitMs = beatMs;
      options.onSuccess();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof MirrorError)) throw error;
      if (options.onFailure(error) === 'stop') return;
      waitMs = Math.max(beatMs, RETRY_MAX_MS);
    }
  }
}
