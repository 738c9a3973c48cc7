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

/** Accepted for a topic as a whole: what was copied of it is void, and the target topic another one. */
const RENEWING: readonly string[] = ['target-recreated', 'target-deleted'];
const SHRUNK = 'partition-count-shrunk';

/**
 * Lets halted partitions try again. Without a code all of them do; with one, only those that stand
 * still for just that: what an operator accepts must be what there is.
 */
export async function resume(context: ResumeContext): Promise<ResumedPartition[]> {
  const { core, target, emit, request } = context;
  const { flow, accept } = request;
  const selected = topicSelection(request.topics);
  const resumed: ResumedPartition[] = [];
  const items: string[] = [];
  for (const topic of [...(core.state.flows.get(flow)?.topics.values() ?? [])]) {
    if (!selected(topic.name)) continue;
    const { name, problem } = topic;
    const halted = [...topic.items].filter(([, { halt }]) => {
      return halt !== undefined && (accept === '' || halt.code === accept);
    });
    if (problem !== undefined && (accept === '' || problem.code === accept)) {
      resumed.push({ topic: name, partition: -1, halt: problem });
    }
    for (const [partition, { halt }] of halted)
      resumed.push({ topic: name, partition, halt: halt! });
    if (RENEWING.includes(accept)) {
      if (halted.length === 0 && problem?.code !== accept) continue;
      target.forgetTopic(name);
      emit({ kind: 'target-renewed', flow, topic: name });
      continue;
    }
    if (accept === SHRUNK && problem?.code === accept) await target.acceptWider(name);
    if (problem !== undefined) emit({ kind: 'topic-retried', flow, topic: name });
    items.push(...halted.map(([, { key }]) => key));
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
