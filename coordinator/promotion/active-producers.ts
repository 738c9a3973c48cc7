import { describeError } from '../../common/errors.js';
import type { Blocker } from './promotion-blockers.js';
import type { PromotionPlan } from './promotion-plan.js';

/** A producer whose last batch is older has most likely stopped. */
export const PRODUCER_ACTIVE_MS = 60_000;

/** How long a plan waits for what the site's agent can tell; without it the plan says so. */
export const PRODUCERS_LOOK_MS_MAX = 3_000;

const NAMED_MAX = 10;

export interface ProducersSeen {
  readonly producers: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly producerId: bigint;
    /** Wall clock of the producer or broker, ms since 1970. */
    readonly lastTimestampMs: bigint;
  }[];
  /** Partitions whose leader did not tell. */
  readonly unknownPartitions: number;
}

/** The plan, with who still writes on the source: they are to be stopped before a planned promotion. */
export async function withActiveProducers(
  plan: PromotionPlan,
  look: (topics: string[]) => Promise<ProducersSeen>,
): Promise<PromotionPlan> {
  if (plan.phase !== 'running' || plan.source.state !== 'reachable') return plan;
  if (plan.topics.length === 0) return plan;
  const add = (warning: Blocker): PromotionPlan => ({
    ...plan,
    warnings: [...plan.warnings, warning],
  });
  try {
    const { producers, unknownPartitions } = await look(plan.topics.map(({ topic }) => topic));
    if (producers.length > 0) return add({ code: 'producers-active', message: named(producers) });
    if (unknownPartitions === 0) return plan;
    const message = `of ${unknownPartitions} partitions the source does not tell who writes`;
    return add({ code: 'producers-unknown', message });
  } catch (error) {
    const message = `who still writes on the source is not known: ${describeError(error)}`;
    return add({ code: 'producers-unknown', message });
  }
}

function named(producers: ProducersSeen['producers']): string {
  const shown = producers.slice(0, NAMED_MAX).map(({ topic, partition, ...producer }) => {
    const at = new Date(Number(producer.lastTimestampMs)).toISOString();
    return `producer ${producer.producerId} on ${topic}-${partition}, last at ${at}`;
  });
  const rest = producers.length - shown.length;
  return `the source is still written to: ${shown.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}
