import { KafkaApiError } from '../../kafka/admin/errors.js';
import { findTopic } from '../../kafka/admin/find-topic.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import type { MappedPosition } from './flow-positions.js';
import type { ReconcilerOptions } from './target-reconciler.js';

export const DELETED = 'source-topic-deleted';

/**
 * Takes note of copies whose source topic was deleted, and deletes a copy once its quarantine is over
 * if that is the flow's policy. Only a copy is deleted that is the very topic that was mapped, and
 * that holds nothing but what this flow wrote.
 */
export async function followDeletions(
  options: ReconcilerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { facts, flow, belongings, log, clock } = options;
  const copies = new Map<string, MappedPosition[]>();
  for (const position of options.mapped())
    copies.set(position.topic, [...(copies.get(position.topic) ?? []), position]);
  for (const topic of belongings.goneSince.keys()) {
    if (facts.gone.has(topic) && copies.has(topic)) continue;
    await belongings.forgetMissing(topic, signal);
    facts.clear(topic, DELETED);
  }
  const nowMs = Math.trunc(clock.wallMs());
  for (const topic of facts.gone) {
    const positions = copies.get(topic);
    if (positions === undefined || options.isPromoted(topic)) continue;
    let sinceMs = belongings.goneSince.get(topic);
    if (sinceMs === undefined) {
      sinceMs = BigInt(nowMs);
      await belongings.missTopic(topic, sinceMs, signal);
      log.warn({ flow: flow.id, topic, policy: flow.topicDeletionPolicy }, 'source topic deleted');
    }
    const copy = { topic, positions, sinceMs: Number(sinceMs) };
    const dueMs = copy.sinceMs + flow.topicDeletionQuarantineMs;
    if (flow.topicDeletionPolicy === 'keep' || nowMs < dueMs) noteKept(options, copy, dueMs);
    else await deleteCopy(options, copy, signal);
  }
}

interface Copy {
  topic: string;
  positions: readonly MappedPosition[];
  sinceMs: number;
}

function noteKept(
  { facts, flow, targetTopic }: ReconcilerOptions,
  { topic, sinceMs }: Copy,
  dueMs: number,
): void {
  const since = new Date(sinceMs).toISOString();
  const until =
    flow.topicDeletionPolicy === 'keep'
      ? 'its copy is kept (topic.deletion.policy=keep)'
      : `its copy will be deleted at ${new Date(dueMs).toISOString()} (topic.deletion.policy=delete)`;
  const message = `topic ${topic} was deleted on ${flow.source}, first seen at ${since}; ${until}: ${targetTopic(topic)}`;
  facts.note({ topic, code: DELETED, message, degraded: false });
}

async function deleteCopy(
  options: ReconcilerOptions,
  copy: Copy,
  signal: AbortSignal,
): Promise<void> {
  const { admin, facts, flow, belongings, maps, log, targetTopic } = options;
  const { topic } = copy;
  const hindrance = await hindranceOf(options, copy, signal);
  if (hindrance !== undefined) {
    const message = `topic ${topic} was deleted on ${flow.source}; its copy is kept: ${hindrance}`;
    const code = DELETED;
    if (facts.note({ topic, code, message, degraded: true })) log.warn({ topic }, message);
    return;
  }
  const refusal = await admin.deleteTopic(targetTopic(topic), { signal }).catch(asRefusal);
  if (refusal instanceof KafkaApiError) {
    const message = `the copy of the deleted topic ${topic} cannot be deleted: ${refusal.message}`;
    facts.note({ topic, code: DELETED, message, degraded: true });
    return;
  }
  log.warn({ flow: flow.id, topic, targetTopic: targetTopic(topic) }, 'copy deleted');
  maps.forgetTopic(topic);
  await belongings.forgetMissing(topic, signal);
  facts.clear(topic, DELETED);
}

/** Why the copy may not be deleted; undefined if it may, or is gone already. */
async function hindranceOf(
  { cluster, targetTopic }: ReconcilerOptions,
  { topic, positions }: Copy,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = targetTopic(topic);
  const found = await findTopic(cluster, name, { signal }).catch(asRefusal);
  if (found === undefined) return undefined;
  if (found instanceof KafkaApiError) return found.message;
  if (positions.some(({ targetTopicId }) => targetTopicId !== found.topicId))
    return `${name} is not the topic that this flow made`;
  const partitions = positions.map(({ partition }) => ({ topic: name, partition }));
  const ends = await cluster.listOffsets(partitions, TIMESTAMP_LATEST, { signal });
  for (const { partition, end } of positions) {
    const last = ends.get(`${name}:${partition}`);
    if (last === undefined || last.errorCode !== ErrorCode.NONE)
      return `the end of ${name}-${partition} cannot be read`;
    if (last.offset > (end?.targetNext ?? 0n))
      return `${name}-${partition} holds records that this flow did not write`;
  }
  return undefined;
}

/** What the brokers refuse for good, rather than cannot answer at present. */
function asRefusal(error: unknown): KafkaApiError {
  if (error instanceof KafkaApiError && !error.retriable) return error;
  throw error;
}
