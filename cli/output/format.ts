/** A dash means "does not apply yet", which is not zero. */
export const NONE = '-';

export function formatCount(value: bigint | number | undefined): string {
  if (value === undefined) return NONE;
  return value.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

export function formatDuration(ms: bigint | number | undefined): string {
  if (ms === undefined) return NONE;
  const value = Number(ms);
  if (value < 1_000) return `${Math.round(value)} ms`;
  if (value < 60_000) return `${(value / 1_000).toFixed(1)} s`;
  if (value < 3_600_000)
    return `${Math.floor(value / 60_000)} min ${Math.floor((value / 1_000) % 60)} s`;
  return `${Math.floor(value / 3_600_000)} h ${Math.floor((value / 60_000) % 60)} min`;
}

export function formatRate(perSecond: number, unit: string): string {
  if (perSecond < 0.05) return `0 ${unit}/s`;
  if (perSecond < 10) return `${perSecond.toFixed(1)} ${unit}/s`;
  return `${formatCount(Math.round(perSecond))} ${unit}/s`;
}

export function formatByteRate(perSecond: number): string {
  if (perSecond < 1_000) return formatRate(perSecond, 'B');
  if (perSecond < 1_000_000) return `${(perSecond / 1_000).toFixed(1)} kB/s`;
  return `${(perSecond / 1_000_000).toFixed(1)} MB/s`;
}
