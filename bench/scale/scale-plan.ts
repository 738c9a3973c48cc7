import { partitionKey, siteKey } from '../../coordinator/core/work-item.js';
import type { ScaleShape } from '../../test/coordinator/core/scale-world.js';

/** Partitions of one topic; a topic of more is as good as several. */
export const PARTITIONS_PER_TOPIC = 100;

/** Ids of sessions have as many digits as those that etcd gives. */
const FIRST_SESSION = 7_587_000_000_000_000_000n;

/** The revision of the first lease; that of the leader comes before. */
export const FIRST_REVISION = 1_000_000_000n;

export interface PlannedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly targetTopicId: string;
  readonly partitionCount: number;
}

export interface PlannedAgent {
  readonly agentId: string;
  readonly sessionId: string;
  readonly clusters: readonly string[];
}

export interface PlannedItem {
  readonly key: string;
  readonly leaseEpoch: bigint;
  /** Index of its holder. */
  readonly agent: number;
  /** Undefined for site work. */
  readonly place: { readonly topic: string; readonly partition: number } | undefined;
}

/**
 * Who holds what in a world of this shape, by numbers alone: nothing of it is kept, so that it weighs
 * nothing beside what is measured. Names are as long as people's are.
 */
export class ScalePlan {
  readonly shape: ScaleShape;

  constructor(shape: ScaleShape) {
    this.shape = shape;
  }

  sourceOf(flow: number): string {
    return `site-${flow}`;
  }

  flowOf(flow: number): string {
    return `${this.sourceOf(flow)}->central`;
  }

  topicsOf(flow: number): PlannedTopic[] {
    const { partitions, flows } = this.shape;
    const topics: PlannedTopic[] = [];
    let left = Math.floor(partitions / flows) + (flow < partitions % flows ? 1 : 0);
    for (let topic = 0; left > 0; topic += 1) {
      const partitionCount = Math.min(left, PARTITIONS_PER_TOPIC);
      const [topicId, targetTopicId] = [topicIdOf(flow, topic, 1), topicIdOf(flow, topic, 2)];
      topics.push({ name: `orders.v1.${topic}`, topicId, targetTopicId, partitionCount });
      left -= partitionCount;
    }
    return topics;
  }

  agent(index: number): PlannedAgent {
    const { flows, sites } = this.shape;
    const all = Array.from({ length: flows }, (_, flow) => this.sourceOf(flow));
    const sources = sites ? [this.sourceOf(index % flows)] : all;
    const sessionId = String(FIRST_SESSION + BigInt(index));
    return { agentId: `agent-${index}.example.com`, sessionId, clusters: [...sources, 'central'] };
  }

  /** Of one flow: its site first, then its partitions. */
  *itemsOf(flow: number): Iterable<PlannedItem> {
    const { agents, flows, sites, partitions } = this.shape;
    const name = this.flowOf(flow);
    const perFlow = Math.ceil(partitions / flows) + 1;
    let index = 0;
    const next = (key: string, place: PlannedItem['place']): PlannedItem => {
      const at = index++;
      const agent = sites ? flow + flows * (at % (agents / flows)) : at % agents;
      const leaseEpoch = FIRST_REVISION + BigInt(flow * perFlow + at + 1);
      return { key, leaseEpoch, agent, place };
    };
    yield next(siteKey(name), undefined);
    for (const { name: topic, partitionCount } of this.topicsOf(flow))
      for (let partition = 0; partition < partitionCount; partition += 1)
        yield next(partitionKey(name, topic, partition), { topic, partition });
  }

  *flows(): Iterable<number> {
    for (let flow = 0; flow < this.shape.flows; flow += 1) yield flow;
  }
}

function topicIdOf(flow: number, topic: number, side: number): string {
  const part = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return `${part(flow, 8)}-0000-4000-800${side}-${part(topic, 12)}`;
}
