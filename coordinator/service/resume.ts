import { PatternError, PatternList } from '../../mirror/policy/name-filter.js';
import type { CoordinationCore } from '../core/coordination-core.js';
import type { ActBegun, ActEnded } from '../journal/journal-entry.js';
import type { CoreEvent, Problem } from '../core/events.js';
import { ProtocolViolationError } from './errors.js';
import type { FlowTargetPort } from './flow-target-port.js';

export interface ResumeRequest {
  readonly flow: string;
  /** Regular expressions on whole topic names; empty for all topics. */
  readonly topics: readonly string[];
  /** The code of the halt that is accepted; empty to only try again. */
  readonly accept: string;
  readonly operator: string;
}

export interface ResumedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly halt: Problem;
}

export interface ResumeContext {
  readonly core: CoordinationCore;
  readonly target: FlowTargetPort;
  readonly emit: (event: CoreEvent) => void;
  readonly request: ResumeRequest;
}

/**
 * Lets halted partitions try again. Without a code all of them do; with one, only those that stand
 * still for just that: what an operator accepts must be what there is.
 */
export function resume({ core, target, emit, request }: ResumeContext): ResumedPartition[] {
  const { accept } = request;
  const selected = topicSelection(request.topics);
  const resumed: ResumedPartition[] = [];
  const items: string[] = [];
  for (const topic of core.state.flows.get(request.flow)?.topics.values() ?? []) {
    if (!selected(topic.name)) continue;
    if (accept === 'target-recreated' && topic.problem?.code === accept) {
      target.forgetTopic(topic.name);
      resumed.push({ topic: topic.name, partition: -1, halt: topic.problem });
    }
    for (const [partition, item] of topic.items) {
      const { halt } = item;
      if (halt === undefined || (accept !== '' && halt.code !== accept)) continue;
      items.push(item.key);
      resumed.push({ topic: topic.name, partition, halt });
    }
  }
  emit({ kind: 'resume', items, accept });
  return resumed;
}

/** What the journal says of it. */
export function resumeEntry(
  request: ResumeRequest,
  resumed: readonly ResumedPartition[],
): ActBegun & ActEnded {
  const { flow, topics, accept, operator } = request;
  const asked = [...topics.map((topic) => `--topics ${topic}`), accept && `--accept ${accept}`];
  const halted = resumed.map(({ topic, partition, halt }) => {
    return `${partition < 0 ? topic : `${topic}-${partition}`} ${halt.code}`;
  });
  return {
    ...{ operator, act: 'resume', flow, detail: asked.filter((part) => part !== '').join(' ') },
    before: { halted: halted.join(', ') },
    after: { resumed: String(resumed.length) },
    ...{ outcome: 'done', message: resumed.length === 0 ? 'no partition was halted for that' : '' },
  };
}

/** Whether a topic is meant by an operator's regular expressions; all are if there are none. */
export function topicSelection(patterns: readonly string[]): (topic: string) => boolean {
  if (patterns.length === 0) return () => true;
  try {
    const list = new PatternList(patterns);
    return (topic) => list.matches(topic);
  } catch (cause) {
    if (!(cause instanceof PatternError)) throw cause;
    throw new ProtocolViolationError(cause.message, { cause });
  }
}
