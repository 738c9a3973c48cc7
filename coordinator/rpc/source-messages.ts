import {
  AclLook,
  type MissingTopics,
  type SourceAcls,
  type TopicConfigs,
} from '../../proto/gen/mirror/v1/agent.js';
import { ProtocolViolationError } from '../service/errors.js';
import type { AgentSays } from '../service/messages.js';
import type { TopicConfigFacts } from '../target/source-facts.js';

/** What a site's agent tells of its source: between the wire's types and ours. */

const LOOKS: Partial<Record<AclLook, 'part' | 'done' | 'unchanged' | 'no-authorizer' | 'refused'>> =
  {
    [AclLook.PART]: 'part',
    [AclLook.DONE]: 'done',
    [AclLook.UNCHANGED]: 'unchanged',
    [AclLook.NO_AUTHORIZER]: 'no-authorizer',
    [AclLook.REFUSED]: 'refused',
  };

export function readTopicConfigs(message: TopicConfigs): AgentSays {
  const { flow, wholeLook } = message;
  const names = new Set(message.names);
  const topics = new Map<string, TopicConfigFacts>();
  for (const { topic, values, kept, problem } of message.topics) {
    const pairs = new Map(values.map(({ name, value }) => [name, value]));
    topics.set(topic, { values: pairs, names, kept: new Set(kept), problem });
  }
  return { kind: 'topic-configs', flow, topics, wholeLook };
}

export function readSourceAcls({ flow, look, bindings, problem }: SourceAcls): AgentSays {
  const known = LOOKS[look];
  if (known === undefined)
    throw new ProtocolViolationError('a look at ACLs of a kind this coordinator does not know');
  return { kind: 'source-acls', flow, look: known, bindings, problem };
}

export function readMissingTopics({ flow, gone, hidden }: MissingTopics): AgentSays {
  return { kind: 'missing-topics', flow, gone, hidden };
}
