import type { FlowConfig } from './config/mirror-config.js';
import { FAILBACK_SUFFIX, formatFlowId, parseFlowSides, type FlowId } from './flow.js';
import { FailbackPolicy, FailbackTopicFilter } from './policy/failback-policy.js';

/** The name of the copy that a failback of the flow makes: `B->A~failback` of `A->B`. */
export function failbackFlowId({ source, target }: Pick<FlowConfig, 'source' | 'target'>): FlowId {
  return `${formatFlowId(target, source)}${FAILBACK_SUFFIX}`;
}

/** The flow that a copy of a failback belongs to; undefined for any other flow. */
export function failedBackFlowId(copy: string): FlowId | undefined {
  if (!copy.endsWith(FAILBACK_SUFFIX)) return undefined;
  const { source, target } = parseFlowSides(copy.slice(0, -FAILBACK_SUFFIX.length));
  return formatFlowId(target, source);
}

/**
 * The copy that a failback makes, as a flow like any other: from the target back to the source, into
 * the topics that the records' neighbours came from. What only a lasting flow needs is switched off.
 * Both sides derive it from the flow, so that nothing about it has to be told. What is `leftOut`, only the
 * coordinator knows, which takes no notice of what agents say of it.
 */
export function failbackFlow(
  flow: FlowConfig,
  leftOut: ReadonlySet<string> = new Set(),
): FlowConfig {
  const { source, target } = flow;
  const policy = new FailbackPolicy(flow.policy, source);
  return {
    ...flow,
    id: failbackFlowId(flow),
    source: target,
    target: source,
    enabled: true,
    policy,
    topicFilter: new FailbackTopicFilter(flow.topicFilter, policy, leftOut),
    startOffset: 'earliest',
    heartbeatsReplicationEnabled: false,
    emitHeartbeatsEnabled: false,
    emitOffsetSyncsEnabled: false,
    syncTopicConfigsEnabled: false,
    syncTopicAclsEnabled: false,
    // The hand-over commits them, once and for all.
    syncGroupOffsetsEnabled: false,
    sourceConsumer: flow.targetAdmin,
    sourceAdmin: flow.targetAdmin,
    targetProducer: flow.sourceAdmin,
    targetAdmin: flow.sourceAdmin,
  };
}

/** The configuration of a flow by its name, whether it is in the file or derived for a failback. */
export function findFlow(flows: readonly FlowConfig[], id: string): FlowConfig | undefined {
  const found = flows.find((flow) => flow.id === id);
  if (found !== undefined || !id.endsWith(FAILBACK_SUFFIX)) return found;
  const original = flows.find((flow) => failbackFlowId(flow) === id);
  return original && failbackFlow(original);
}
