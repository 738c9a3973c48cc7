/**
 * What becomes of one committed offset of a group that nobody runs on the target. Pure, so that every
 * rule is a row in a table test. The rules:
 *
 * - Unknown commits nothing: not the source's offset, and not zero.
 * - Forward only. Backwards only if the source itself went back, and what is committed on the target is
 *   what we committed for a later position: a consumer's own progress there is never taken back.
 *   Or if what we committed was about a topic that was there before under the same name.
 *
 * What we committed is known from what was written down before it was sent, by whichever coordinator,
 * and not from the metadata: that may be the application's. See `synced-offsets.ts`.
 */
import type { SyncAttempt } from '../../mirror/records/offset-map-record.js';
import { SYNC_ATTEMPTS_MAX } from './limits.js';

/** As on the target now. */
export interface CommittedOffset {
  offset: bigint;
  metadata: string;
}

export interface SyncInput {
  sourceOffset: bigint;
  /** Of the application; see `applicationMetadata`. */
  metadata: string;
  /** Told by the source since this coordinator leads, and not only read from the target. */
  live: boolean;
  /** Undefined where the map does not know. */
  targetOffset: bigint | undefined;
  /** Committed on the target now. */
  current: CommittedOffset | undefined;
  /** What the flow committed for this position, or may have; the newest last. */
  attempts: readonly SyncAttempt[];
  /** Of the topic that the translation is about; empty if there is none yet. */
  targetTopicId: string;
}

export type SyncDecision =
  /** `attempts` is to be written down before `attempt` is sent. */
  | { kind: 'commit'; attempt: SyncAttempt; attempts: readonly SyncAttempt[] }
  /** `same`: nothing to do; `ahead`: the target is further on. */
  | { kind: 'keep'; reason: 'unknown' | 'same' | 'ahead' };

/** Stamps of earlier versions name a writer as well. */
const STAMP = /^mirrorctl (?:writer=\d{1,24} )?source=\d{1,19}(?: topic=[-\w]{1,40})?$/;

/**
 * Our metadata of a commit without any of the application: what a consumer on the target commits at the
 * same offset is told from ours by it.
 */
export function formatStamp(from: { sourceOffset: bigint; targetTopicId: string }): string {
  const topic = from.targetTopicId === '' ? '' : ` topic=${from.targetTopicId}`;
  return `mirrorctl source=${from.sourceOffset}${topic}`;
}

/**
 * What the application itself has left in the metadata of its commit. Where the source is the target of
 * another flow, commits there may have that one's stamp, which means nothing any further on.
 */
export function applicationMetadata(metadata: string): string {
  return STAMP.test(metadata) ? '' : metadata;
}

export function decideSync(input: SyncInput): SyncDecision {
  const { targetOffset, current, sourceOffset, targetTopicId, attempts } = input;
  if (targetOffset === undefined) return { kind: 'keep', reason: 'unknown' };
  const isForward = current === undefined || current.offset < targetOffset;
  if (!isForward && current.offset === targetOffset) return { kind: 'keep', reason: 'same' };
  if (!isForward && !isTakenBack({ ...input, current })) return { kind: 'keep', reason: 'ahead' };
  const metadata = input.metadata === '' ? formatStamp(input) : input.metadata;
  const attempt = { sourceOffset, targetOffset, targetTopicId, metadata };
  return { kind: 'commit', attempt, attempts: withAttempt(attempts, current, attempt) };
}

/**
 * Whether what is committed on the target is our own, so that no consumer has read up to there, and
 * counts no more: the source itself went back since, or it is about a topic that is gone.
 */
export function isTakenBack(
  input: Pick<SyncInput, 'attempts' | 'live' | 'sourceOffset' | 'targetTopicId'> & {
    current: CommittedOffset;
  },
): boolean {
  const { current, attempts, live, sourceOffset, targetTopicId } = input;
  const ours = ownAttempt(attempts, current);
  if (ours === undefined) return false;
  const { targetTopicId: then, sourceOffset: from } = ours;
  const isOfGoneTopic = then !== '' && targetTopicId !== '' && then !== targetTopicId;
  return isOfGoneTopic || (live && sourceOffset < from);
}

function ownAttempt(
  attempts: readonly SyncAttempt[],
  current: CommittedOffset,
): SyncAttempt | undefined {
  return attempts.findLast(
    ({ targetOffset, metadata }) =>
      targetOffset === current.offset && metadata === current.metadata,
  );
}

/**
 * The one that is committed stays, as the new one may fail; and a few others, which may be on their way
 * still: one that comes there late is to be known as ours, too.
 */
function withAttempt(
  attempts: readonly SyncAttempt[],
  current: CommittedOffset | undefined,
  attempt: SyncAttempt,
): SyncAttempt[] {
  const mine = current === undefined ? undefined : ownAttempt(attempts, current);
  const others = attempts.filter((each) => each !== mine && !isSame(each, attempt));
  const kept = others.slice(-(SYNC_ATTEMPTS_MAX - 2));
  return mine === undefined ? [...kept, attempt] : [mine, ...kept, attempt];
}

function isSame(one: SyncAttempt, other: SyncAttempt): boolean {
  return (
    one.targetOffset === other.targetOffset &&
    one.metadata === other.metadata &&
    one.sourceOffset === other.sourceOffset &&
    one.targetTopicId === other.targetTopicId
  );
}
