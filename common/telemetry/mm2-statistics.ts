import type { Labels, Metrics } from './metrics.js';
import type { WindowStatistics } from './sample-window.js';

/** One series: its labels, and what was measured for it. */
export type Series = readonly [labels: Labels, statistics: WindowStatistics];

export interface LatencyGauges {
  /** Without a suffix: the value measured last. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly series: () => Iterable<Series>;
}

const SUFFIXES = ['min', 'max', 'avg'] as const;

/** `name`, `name_min`, `name_max` and `name_avg`, as the JMX exporter renders Kafka's statistics. */
export function registerLatencyGauges(metrics: Metrics, gauges: LatencyGauges): void {
  const { name, help, labels, series } = gauges;
  metrics.gauge({
    ...{ name, help, labels },
    collect: (sample) => {
      for (const [of, { last }] of series()) sample(of, last);
    },
  });
  for (const suffix of SUFFIXES) {
    metrics.gauge({
      ...{ name: `${name}_${suffix}`, help: `${help} (${suffix} of a minute)`, labels },
      collect: (sample) => {
        for (const [of, { range }] of series()) if (range !== undefined) sample(of, range[suffix]);
      },
    });
  }
}
