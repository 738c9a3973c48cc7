import type { CoreEvent, SourceTopic } from './events.js';
import { addPartition, addTopic, type FlowEntry, type TopicEntry } from './state.js';
import { TopicSteering } from './steering-rules.js';
import { partitionKey } from './work-item.js';
import type { Step } from './step.js';

/** Wait before a target topic is asked for again after a problem: doubles up to the maximum. */
export const ENSURE_RETRY_MIN_MS = 1_000;
export const ENSURE_RETRY_MAX_MS = 30_000;

/** The site agent's list of what its flow selects: the whole list, each time. */
export function topicInventoried(step: Step, event: CoreEvent & { kind: 'inventory' }): void {
  const flow = step.state.flows.get(event.flow);
  if (flow === undefined || flow.site.holder?.sessionId !== event.sessionId) return;
  flow.listed = event.topics;
  takeListed(step, flow);
}

function takeListed(step: Step, flow: FlowEntry): void {
  const listed = new Set<string>();
  for (const source of flow.listed) {
    if (flow.steering.isExcluded(source.name)) continue;
    listed.add(source.name);
    const topic = flow.topics.get(source.name) ?? addTopic(flow, source.name);
    if (topic.source !== undefined && sameTopic(topic.source, source)) continue;
    topic.source = source;
    topic.ensureFailures = 0;
    askSoon(step, topic, step.nowMs);
  }
  for (const topic of [...flow.topics.values()]) {
    if (!listed.has(topic.name)) dropTopic(step, topic);
  }
}

export function topicReady(step: Step, event: CoreEvent & { kind: 'target-topic-ready' }): void {
  const topic = step.state.flows.get(event.flow)?.topics.get(event.topic.name);
  if (topic?.source === undefined || topic.ensure !== 'asked') return;
  topic.target = event.target;
  topic.problem = undefined;
  topic.ensureFailures = 0;
  topic.ensure = 'done';
  // The source changed while the target was made ready: what was answered is good, and not enough.
  if (!sameTopic(topic.source, event.topic)) askSoon(step, topic, step.nowMs);
  for (let partition = 0; partition < event.topic.partitionCount; partition += 1) {
    if (topic.items.has(partition)) continue;
    const key = partitionKey(event.flow, topic.name, partition);
    addPartition(step.state, topic, { partition, key });
  }
  for (const item of topic.items.values()) step.confirm(item);
}

export function topicProblem(
  step: Step,
  event: CoreEvent & { kind: 'target-topic-problem' },
): void {
  const topic = step.state.flows.get(event.flow)?.topics.get(event.topic.name);
  if (topic?.source === undefined || topic.ensure !== 'asked') return;
  topic.problem = event.problem;
  const wait = Math.min(ENSURE_RETRY_MAX_MS, ENSURE_RETRY_MIN_MS * 2 ** topic.ensureFailures);
  topic.ensureFailures = Math.min(topic.ensureFailures + 1, 16);
  askSoon(step, topic, step.nowMs + wait);
}

/** Nobody goes on with what was granted; the items come back once the target topic is ready. */
export function targetRenewed(step: Step, event: CoreEvent & { kind: 'target-renewed' }): void {
  const topic = step.state.flows.get(event.flow)?.topics.get(event.topic);
  if (topic?.source === undefined) return;
  topic.target = undefined;
  topic.problem = undefined;
  topic.ensureFailures = 0;
  askSoon(step, topic, step.nowMs);
  for (const item of [...topic.items.values()]) {
    item.voidEpoch = item.leaseEpoch;
    if (item.state === 'unheld') step.unhold(item);
    else step.revoke(item, 'the target topic is made ready anew');
  }
}

export function topicRetried(step: Step, event: CoreEvent & { kind: 'topic-retried' }): void {
  const topic = step.state.flows.get(event.flow)?.topics.get(event.topic);
  if (topic?.source === undefined || topic.ensure !== 'due') return;
  topic.ensureFailures = 0;
  askSoon(step, topic, step.nowMs);
}

export function topicsDeselected(
  step: Step,
  event: CoreEvent & { kind: 'topics-deselected' },
): void {
  const topics = step.state.flows.get(event.flow)?.topics;
  for (const name of event.topics) {
    const topic = topics?.get(name);
    if (topic !== undefined) dropTopic(step, topic);
  }
}

export function flowReopened(step: Step, name: string): void {
  for (const topic of step.state.flows.get(name)?.topics.values() ?? [])
    if (topic.source !== undefined) askSoon(step, topic, step.nowMs);
}

export function topicsStopped(step: Step, event: CoreEvent & { kind: 'topics-stopped' }): void {
  const flow = step.state.flows.get(event.flow);
  if (flow === undefined) return;
  flow.stoppedTopics = new Set(event.topics);
  step.state.grantDue.add(flow);
  for (const topic of event.topics) {
    for (const item of [...(flow.topics.get(topic)?.items.values() ?? [])])
      step.revoke(item, 'the topic is stopped');
  }
}

/** Pauses revoke, and exclusions forget; what is neither any more is granted again. */
export function flowSteered(step: Step, event: CoreEvent & { kind: 'flow-steered' }): void {
  const flow = step.state.flows.get(event.flow);
  if (flow === undefined) return;
  flow.steering = new TopicSteering(event.rules);
  step.state.grantDue.add(flow);
  for (const topic of [...flow.topics.values()]) {
    topic.paused = flow.steering.isPaused(topic.name);
    if (flow.steering.isExcluded(topic.name)) dropTopic(step, topic);
    else if (topic.paused) {
      for (const item of [...topic.items.values()]) step.revoke(item, 'an operator pauses it');
    }
  }
  // Nothing was listed yet: what is held from before must not be taken for gone.
  if (flow.listed.length > 0) takeListed(step, flow);
}

function askSoon(step: Step, topic: TopicEntry, notBeforeMs: number): void {
  topic.ensureNotBeforeMs = notBeforeMs;
  // An ensure that is due now needs no grant, but a tick soon.
  if (notBeforeMs <= step.nowMs) step.state.grantDue.add(topic.flow);
  topic.flow.ensureDue.add(topic);
  topic.ensure = 'due';
}

function dropTopic(step: Step, topic: TopicEntry): void {
  topic.source = undefined;
  topic.target = undefined;
  topic.problem = undefined;
  topic.ensure = 'done';
  topic.flow.ensureDue.delete(topic);
  for (const item of [...topic.items.values()]) {
    if (item.state === 'unheld') step.unhold(item);
    else step.revoke(item, 'the topic is no longer selected, or no longer exists');
  }
  if (topic.items.size === 0) topic.flow.topics.delete(topic.name);
}

function sameTopic(a: SourceTopic, b: SourceTopic): boolean {
  return a.topicId === b.topicId && a.partitionCount === b.partitionCount;
}
