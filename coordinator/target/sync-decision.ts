/**
 * What becomes of one committed offset of a group that nobody runs on the target. Pure, so that every
 * rule is a row in a table test. The rules:
 *
 * - Unknown commits nothing: not the source's offset, and not zero.
 * - Forward only. Backwards only if the source itself went back, and what is committed on the target is
 *   what we committed for a later position: a consumer's own progress there is never taken back.
 *   Or if what we committed was about a topic that was there before under the same name.
 * - Never over what a newer coordinator committed, as the metadata of its commit says.
 */

/** What we leave in the metadata of a commit, unless the application has metadata of its own there. */
export interface SyncStamp {
  /** Which coordinator: rises with each that takes over, see `writerNumber`. */
  writer: bigint;
  /** What the target offset was translated from. */
  sourceOffset: bigint;
  /** Of the topic on the target; empty in stamps of earlier versions. */
  targetTopicId: string;
}

export interface SyncInput {
  sourceOffset: bigint;
  metadata: string;
  /** Told by the source since this coordinator leads, and not only read from the target. */
  live: boolean;
  /** Undefined where the map does not know. */
  targetOffset: bigint | undefined;
  /** Committed on the target now. */
  current: { offset: bigint; metadata: string } | undefined;
  /** This coordinator. */
  writer: bigint;
  /** What this coordinator committed last for this position. */
  last: { sourceOffset: bigint; targetOffset: bigint; targetTopicId: string } | undefined;
  /** Of the topic that the translation is about. */
  targetTopicId: string;
}

export type SyncDecision =
  | { kind: 'commit'; offset: bigint; metadata: string }
  /** `same`: nothing to do; `ahead`: the target is further on; `newer`: another coordinator's. */
  | { kind: 'keep'; reason: 'unknown' | 'same' | 'ahead' | 'newer' };

const STAMP = /^mirrorctl writer=(\d{1,24}) source=(\d{1,19})(?: topic=([-\w]{1,40}))?$/;

/** Epochs of a producer are 16 bits, and producer ids rise: so does this. */
const EPOCHS = 65_536n;

/**
 * The producer of the flow's internal topics as one number. Whoever takes over gets a higher epoch, or
 * a newer producer id, from the target itself, whatever keeps the leases.
 */
export function writerNumber(producer: { producerId: bigint; producerEpoch: number }): bigint {
  return producer.producerId * EPOCHS + BigInt(producer.producerEpoch);
}

export function formatStamp({ writer, sourceOffset, targetTopicId }: SyncStamp): string {
  const topic = targetTopicId === '' ? '' : ` topic=${targetTopicId}`;
  return `mirrorctl writer=${writer} source=${sourceOffset}${topic}`;
}

export function parseStamp(metadata: string): SyncStamp | undefined {
  const [, writer, sourceOffset, targetTopicId = ''] = STAMP.exec(metadata) ?? [];
  if (writer === undefined || sourceOffset === undefined) return undefined;
  return { writer: BigInt(writer), sourceOffset: BigInt(sourceOffset), targetTopicId };
}

export function decideSync(input: SyncInput): SyncDecision {
  const { targetOffset, current, writer, sourceOffset, targetTopicId } = input;
  if (targetOffset === undefined) return { kind: 'keep', reason: 'unknown' };
  const metadata =
    input.metadata === '' ? formatStamp({ writer, sourceOffset, targetTopicId }) : input.metadata;
  const commit: SyncDecision = { kind: 'commit', offset: targetOffset, metadata };
  if (current === undefined) return commit;
  const stamp = parseStamp(current.metadata);
  if (stamp !== undefined && stamp.writer > writer) return { kind: 'keep', reason: 'newer' };
  if (current.offset === targetOffset) return { kind: 'keep', reason: 'same' };
  if (current.offset < targetOffset || isTakenBack({ ...input, current })) return commit;
  return { kind: 'keep', reason: 'ahead' };
}

/**
 * Whether what is committed on the target is our own, so that no consumer has read up to there, and
 * counts no more: the source itself went back since, or it is about a topic that is gone.
 */
export function isTakenBack(
  input: Pick<SyncInput, 'last' | 'live' | 'sourceOffset' | 'targetTopicId'> & {
    current: NonNullable<SyncInput['current']>;
  },
): boolean {
  const { current, last, live, sourceOffset, targetTopicId } = input;
  const ours =
    parseStamp(current.metadata) ?? (last?.targetOffset === current.offset ? last : undefined);
  if (ours === undefined) return false;
  const { targetTopicId: then, sourceOffset: from } = ours;
  const isOfGoneTopic = then !== '' && targetTopicId !== '' && then !== targetTopicId;
  return isOfGoneTopic || (live && sourceOffset < from);
}
