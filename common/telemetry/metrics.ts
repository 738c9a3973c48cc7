import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;
export type Sample = (labels: Labels, value: number) => void;

export interface MetricOptions {
  name: string;
  help: string;
  labels: readonly string[];
  /** Called at each scrape: reads plain counters kept by the hot path and reports them. */
  collect: (sample: Sample) => void;
}

/**
 * Metrics in Prometheus' text format. Nothing is pushed: the code that does the work keeps plain
 * numbers, and a scrape reads them, so that telemetry costs the copy path nothing.
 */
export class Metrics {
  readonly contentType: string;
  readonly #registry = new Registry();

  constructor() {
    this.contentType = this.#registry.contentType;
    collectDefaultMetrics({ register: this.#registry });
  }

  /** A value that goes up and down. Series not sampled in a scrape vanish from it. */
  gauge(options: MetricOptions): void {
    new Gauge({
      name: options.name,
      help: options.help,
      labelNames: [...options.labels],
      registers: [this.#registry],
      collect() {
        this.reset();
        options.collect((labels, value) => this.set(labels, value));
      },
    });
  }

  /** A total that only rises, kept by its owner; sampled, not incremented. */
  counter(options: MetricOptions): void {
    new Counter({
      name: options.name,
      help: options.help,
      labelNames: [...options.labels],
      registers: [this.#registry],
      collect() {
        this.reset();
        options.collect((labels, value) => this.inc(labels, value));
      },
    });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
