/** CPU time that this process takes for it, in ms. */
export function cpuMsOf(act: () => void): number {
  const before = process.cpuUsage();
  act();
  return sinceMs(before);
}

/** The same for what takes several turns. */
export async function cpuMs(act: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  return sinceMs(before);
}

function sinceMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** Bytes in use after a garbage collection; needs `--expose-gc`. */
export function heapBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('run it with --expose-gc');
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
