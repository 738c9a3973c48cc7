import type { CopyResult, CopyRound, LatencyResult, Subject } from '../../bench/results.js';

/** A round of one second, with round figures. */
export function copyRound(subject: Subject, changes: Partial<CopyRound> = {}): CopyRound {
  return {
    subject,
    round: 0,
    records: 1_000_000,
    bytes: 1e9,
    seconds: 1,
    recordsFound: 1_000_000,
    recordsExpected: 1_000_000,
    cores: { sourceBroker: 0.5, targetBroker: 0.5, bench: 0.1 },
    ...(subject === 'limit'
      ? {}
      : { cpuSeconds: 1, peakBytes: 100e6, startUpMs: 1000, idleCores: 0.01 }),
    ...changes,
  };
}

export function copyResult(name: string, rounds: readonly CopyRound[]): CopyResult {
  const title = `Title of ${name}`;
  return { kind: 'copy', name, title, content: 'some records', rounds, failures: [] };
}

export function latencyResult(agentP99Ms: number, mm2P99Ms: number): LatencyResult {
  const shared = { round: 0, records: 100, p50Ms: 1, p999Ms: 50 };
  return {
    kind: 'latency',
    name: 'latency',
    title: 'Latency',
    content: 'one record now and then',
    failures: [],
    rounds: [
      { ...shared, subject: 'agent', p99Ms: agentP99Ms },
      { ...shared, subject: 'mm2', p99Ms: mm2P99Ms },
    ],
  };
}
