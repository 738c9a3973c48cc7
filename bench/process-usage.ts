import { readFileSync } from 'node:fs';

/** USER_HZ: Linux tells CPU time in hundredths of a second on every machine that runs Node. */
const TICKS_PER_SECOND = 100;

/** In /proc/PID/stat, counted from the state, which is the first field after the name. */
const UTIME_FIELD = 11;
const STIME_FIELD = 12;

/** CPU seconds, user and system, of all threads: from the text of /proc/PID/stat. */
export function parseCpuSeconds(stat: string): number {
  // The name is in parentheses and may hold anything, so the fields are counted behind the last.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME_FIELD]) + Number(fields[STIME_FIELD])) / TICKS_PER_SECOND;
}

/** The most memory that was ever resident: from the text of /proc/PID/status. */
export function parsePeakBytes(status: string): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return Number(kilobytes ?? NaN) * 1024;
}

/** The memory that is resident now: from the text of /proc/PID/status. */
export function parseResidentBytes(status: string): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return Number(kilobytes ?? NaN) * 1024;
}

export function cpuSecondsOf(pid: number): number {
  return parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

export function residentBytesOf(pid: number): number {
  return parseResidentBytes(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

export function peakBytesOf(pid: number): number {
  return parsePeakBytes(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
