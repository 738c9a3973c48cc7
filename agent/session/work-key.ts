import type { WorkItem } from '../../proto/gen/mirror/v1/common.js';

/** One string per work item, for maps. `|` is in no alias and no topic name. */
export function workKey(item: WorkItem): string {
  if (item.work?.$case !== 'partition') return `${item.flow}|site`;
  return `${item.flow}|${item.work.value.topic}|${item.work.value.partition}`;
}

export function partitionItem(flow: string, topic: string, partition: number): WorkItem {
  return { flow, work: { $case: 'partition', value: { topic, partition } } };
}

export function siteItem(flow: string): WorkItem {
  return { flow, work: { $case: 'site', value: {} } };
}
