import type { Clock } from '../../common/clock.js';
import { ClosedError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { emitPeriodically, SideTopic } from '../../kafka/admin/side-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { heartbeatRecord } from '../../mirror/heartbeats.js';
import type { SourceFacts } from './source-facts.js';

export interface HeartbeatsOptions {
  readonly flow: FlowConfig;
  /** The flow's target. */
  readonly cluster: KafkaCluster;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where a missing right is shown. */
  readonly facts: SourceFacts;
}

const NOTICE = 'heartbeats-not-written';

/** Writes the flow's heartbeats to its target until closed, if it emits any. */
export function startHeartbeats(options: HeartbeatsOptions): { close: () => Promise<void> } {
  const { flow, cluster, clock, log, facts } = options;
  if (!flow.emitHeartbeatsEnabled) return { close: () => Promise.resolve() };
  const stop = new AbortController();
  const topic = new SideTopic({
    cluster,
    topic: flow.policy.heartbeatsTopic(),
    replicationFactor: flow.heartbeatsTopicReplicationFactor,
  });
  const intervalMs = flow.emitHeartbeatsIntervalMs;
  const records = () => [heartbeatRecord(flow, clock.wallMs())];
  const onMissingRight = (right: string): void => {
    const message = `heartbeats are not written to ${flow.target}; grant ${right}`;
    if (right === '') facts.clear('', NOTICE);
    else facts.note({ topic: '', code: NOTICE, message, degraded: true });
  };
  const emit = { topic, intervalMs, records, clock, log, onMissingRight };
  const running = emitPeriodically(emit, stop.signal);
  return {
    close: () => {
      stop.abort(new ClosedError(`heartbeats of ${flow.id}`));
      return running;
    },
  };
}
