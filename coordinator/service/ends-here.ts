import { topicExclusion } from '../../mirror/policy/topic-selection.js';
import type { FlowEntry } from '../core/state.js';
import type { FlowRuntime } from './flow-runtime.js';
import type { OpenedFlowTarget } from './flow-target-port.js';

/**
 * Whether nothing more comes of a topic that is not listed: the source says that it has no such topic,
 * or it is left out. One that is neither may be hidden, and records may still come.
 */
export function endsHere<Opened extends OpenedFlowTarget>(
  { flow, facts }: Pick<FlowRuntime<Opened>, 'flow' | 'facts'>,
  entry: Pick<FlowEntry, 'steering'> | undefined,
  topic: string,
): boolean {
  const isExcluded = entry?.steering.isExcluded(topic) === true;
  return isExcluded || topicExclusion(flow, topic) !== null || facts.gone.has(topic);
}
