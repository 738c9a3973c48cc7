import type { Clock } from '../../common/clock.js';
import { MirrorError } from '../../common/errors.js';
import { RETRY_MAX_MS } from './limits.js';

export interface WhenChangedOptions {
  /** Resolves when there is something to do. */
  changed: (signal: AbortSignal) => Promise<void>;
  run: (signal: AbortSignal) => Promise<void>;
  /** Between the end of a run and the start of the next. */
  gapMs: number;
  clock: Clock;
  signal: AbortSignal;
  onSuccess: () => void;
  onFailure: (error: MirrorError) => 'go on' | 'stop';
}

/** Runs at once after each change, and again after a failure, until the signal aborts. */
export async function runWhenChanged(options: WhenChangedOptions): Promise<void> {
  const { changed, run, gapMs, clock, signal, onSuccess, onFailure } = options;
  let failed = false;
  while (!signal.aborted) {
    try {
      if (failed) await clock.sleep(RETRY_MAX_MS, signal);
      else await changed(signal);
      if (signal.aborted) return;
      await run(signal);
      failed = false;
      onSuccess();
      await clock.sleep(gapMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof MirrorError)) throw error;
      if (onFailure(error) === 'stop') return;
      failed = true;
    }
  }
}
