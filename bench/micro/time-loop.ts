/** Long enough that the compiler has settled and a collection of garbage is one of many. */
const WARM_UP_MS = 300;
const MEASURE_MS = 1_500;
const QUICK_MS = 30;

/** How often `once` runs in a second; it returns something, so that it cannot be optimised away. */
export function timesPerSecond(once: () => number, quick: boolean): number {
  let sink = runFor(once, quick ? QUICK_MS : WARM_UP_MS).sink;
  const { count, seconds, sink: more } = runFor(once, quick ? QUICK_MS : MEASURE_MS);
  sink += more;
  if (Number.isNaN(sink)) throw new Error('the loop gave no number');
  return count / seconds;
}

function runFor(once: () => number, ms: number): { count: number; seconds: number; sink: number } {
  const startedMs = performance.now();
  let count = 0;
  let sink = 0;
  let elapsedMs = 0;
  while (elapsedMs < ms) {
    sink += once();
    count += 1;
    elapsedMs = performance.now() - startedMs;
  }
  return { count, seconds: elapsedMs / 1000, sink };
}
