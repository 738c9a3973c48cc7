/**
 * Milliseconds that this process has computed. For a bound on how much work something is: a busy machine
 * that does not let the process work for a while must not break it.
 */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
