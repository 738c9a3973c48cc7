import { withDeadline } from '../../common/deadline.js';
import { describeError } from '../../common/errors.js';
import { metadata } from '../../kafka/messages/metadata.js';
import type { SiteTaskExecutor } from './site-task.js';

/** Brokers asked at once; a cluster of which none of so many answers is gone for its clients. */
const BROKERS_ASKED_MAX = 32;

/** A socket of its own: an answer must not wait behind a long poll. */
const LANE = 'probe';

const NO_TOPICS = { topics: [], allowAutoTopicCreation: false };

/**
 * Whether the source answers now. All brokers are asked at the same time: one that is frozen would
 * else hide the others behind it.
 */
export const probeSource: SiteTaskExecutor<'probeSource'> = async ({ timeoutMs }, context) => {
  const { source } = context.flow;
  const nodeIds = source.nodeIds.slice(0, BROKERS_ASKED_MAX);
  const ask = (signal: AbortSignal): Promise<unknown> => {
    const asked = nodeIds.map((nodeId) =>
      source.request({ nodeId }, metadata, NO_TOPICS, { lane: LANE, signal }),
    );
    // By its bootstrap servers as well: the brokers known may all have been replaced.
    return Promise.any<unknown>([...asked, source.metadata([], { signal })]);
  };
  try {
    const { clock, signal } = context;
    await withDeadline({ what: 'an answer of the source', ms: timeoutMs, clock, signal }, ask);
    return { answered: true, problem: '' };
  } catch (error) {
    context.signal.throwIfAborted();
    const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
    const brokers = nodeIds.length === 1 ? '1 broker' : `${nodeIds.length} brokers`;
    return { answered: false, problem: `${brokers} asked: ${describeError(first)}` };
  }
};
