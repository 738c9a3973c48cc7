import { MirrorError } from '../../common/errors.js';
import type { Coordination } from '../service/coordination.js';
import { ProtocolViolationError } from '../service/errors.js';
import type { OpenedFlowTarget } from '../service/flow-target-port.js';
import { topicSelection } from '../service/resume.js';
import { listUnproven, type UnprovenPartition } from './unproven.js';
import {
  BYTES_PER_SECOND_DEFAULT,
  Verification,
  type VerificationListener,
  type VerifiedPartition,
} from './verification.js';
import { VerificationStore, type VerificationHead } from './verification-store.js';

export interface VerificationRequest {
  readonly flow: string;
  /** Regular expressions on whole topic names; empty for all topics. */
  readonly topics: readonly string[];
  /** `start`, `last`, or empty: go on with one that was cut off, or begin. */
  readonly from: string;
  /** Zero: the default. */
  readonly bytesPerSecond: bigint;
}

export interface VerificationOutcome {
  readonly flow: string;
  readonly verdict: 'equal' | 'different' | 'incomplete' | 'not-comparable';
  readonly resumed: boolean;
  readonly elapsedMs: number;
  readonly partitions: readonly VerifiedPartition[];
  /** Of these nothing, or not all, was compared. */
  readonly unproven: readonly UnprovenPartition[];
}

/** One at a time for each flow: two would throttle separately and disagree about where they are. */
export class VerificationRunningError extends MirrorError {
  readonly code = 'MIRROR_VERIFICATION_RUNNING';
  readonly retriable = false;

  constructor(flow: string) {
    super(`${flow} is being verified already; it ends with the call that began it`);
  }
}

/** The topics are none of the flow's: an answer "equal" would say nothing. */
export class NothingToVerifyError extends MirrorError {
  readonly code = 'MIRROR_NOTHING_TO_VERIFY';
  readonly retriable = false;

  constructor(flow: string, topics: readonly string[]) {
    const which = topics.length === 0 ? '' : ` that matches ${topics.join(', ')}`;
    super(`${flow} has copied no topic${which}: there is nothing to compare`);
  }
}

/** Verifications of one term. Each ends with its caller, and the next one goes on. */
export class VerificationRunner<Opened extends OpenedFlowTarget> {
  readonly #coordination: Coordination<Opened>;
  readonly #running = new Set<string>();

  constructor(coordination: Coordination<Opened>) {
    this.#coordination = coordination;
  }

  async run(
    request: VerificationRequest,
    listener: VerificationListener,
    signal: AbortSignal,
  ): Promise<VerificationOutcome> {
    const { flow } = request;
    if (!['', 'start', 'last'].includes(request.from))
      throw new ProtocolViolationError(`--from ${request.from}: 'start' or 'last'`);
    const { target } = this.#coordination.opened(flow);
    if (this.#running.has(flow)) throw new VerificationRunningError(flow);
    this.#running.add(flow);
    try {
      return await this.#verify(request, { target, listener }, signal);
    } finally {
      this.#running.delete(flow);
    }
  }

  async #verify(
    request: VerificationRequest,
    { target, listener }: { target: Opened['target']; listener: VerificationListener },
    signal: AbortSignal,
  ): Promise<VerificationOutcome> {
    const { flow, topics, bytesPerSecond } = request;
    const { leadership, siteTasks, clock, over } = this.#coordination;
    const startedAtMs = clock.nowMs();
    const selected = topicSelection(topics);
    const listed = target.verifiablePartitions();
    const partitions = listed.verifiable.filter(({ topic }) => selected(topic)).sort(compare);
    const unproven = listUnproven(this.#coordination, this.#coordination.flow(flow), listed).filter(
      ({ topic }) => selected(topic),
    );
    if (partitions.length + unproven.length === 0) throw new NothingToVerifyError(flow, topics);
    const store = new VerificationStore(leadership, flow);
    const { head, resumed } = await this.#begin(request, store);
    const verification = new Verification({
      ...{ flow, partitions, store, siteTasks, clock, listener },
      bytesPerSecond: bytesPerSecond > 0n ? bytesPerSecond : BYTES_PER_SECOND_DEFAULT,
      producerId: target.producer.producerId,
      isPromoted: (topic) =>
        target.promoted !== undefined ||
        (target.promotedTopics.get(topic) ?? 'running') !== 'running',
    });
    const verified = await verification.run(AbortSignal.any([signal, over]));
    unproven.push(...verification.givenUp);
    unproven.sort(compare);
    await store.saveHead({ ...head, finishedAtMs: Math.trunc(clock.wallMs()) });
    const elapsedMs = Math.round(clock.nowMs() - startedAtMs);
    const verdict = verdictOf(verified, unproven);
    return { flow, verdict, resumed, elapsedMs, partitions: verified, unproven };
  }

  async #begin(
    { topics, from }: VerificationRequest,
    store: VerificationStore,
  ): Promise<{ head: VerificationHead; resumed: boolean }> {
    const earlier = from === 'start' ? undefined : await store.load();
    const cutOff =
      earlier !== undefined &&
      earlier.finishedAtMs === undefined &&
      earlier.topics.join('\n') === topics.join('\n');
    const goesOn = cutOff || (earlier !== undefined && from === 'last');
    if (!goesOn) await store.clear();
    const startedAtMs = Math.trunc(this.#coordination.clock.wallMs());
    const head = { topics, startedAtMs, finishedAtMs: undefined };
    await store.saveHead(head);
    return { head, resumed: cutOff };
  }
}

function verdictOf(
  partitions: readonly VerifiedPartition[],
  unproven: readonly UnprovenPartition[],
): VerificationOutcome['verdict'] {
  if (partitions.some(({ difference }) => difference !== undefined)) return 'different';
  if (unproven.length > 0) return 'incomplete';
  const incomplete = partitions.some(
    (each) => each.deletedOnSource + each.deletedOnTarget + each.compacted > 0n,
  );
  return incomplete ? 'not-comparable' : 'equal';
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

function compare(left: Place, right: Place): number {
  if (left.topic === right.topic) return left.partition - right.partition;
  return left.topic < right.topic ? -1 : 1;
}
