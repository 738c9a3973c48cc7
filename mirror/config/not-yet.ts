import type { FlowConfig } from './mirror-config.js';

/** Keys that a flow sets, on purpose or by MirrorMaker 2's defaults, and that this version does not heed. */
export function notYetDone(flow: FlowConfig): string[] {
  const asked: readonly (readonly [key: string, unheeded: boolean])[] = [
    ['sync.topic.configs.enabled', flow.syncTopicConfigsEnabled],
    ['sync.topic.acls.enabled', flow.syncTopicAclsEnabled],
    ['sync.group.offsets.enabled', flow.syncGroupOffsetsEnabled],
    // Turned off, and done all the same: promotion and discovery stand on them.
    ['emit.checkpoints.enabled', !flow.emitCheckpointsEnabled],
    ['refresh.topics.enabled', !flow.refreshTopicsEnabled],
    ['refresh.groups.enabled', !flow.refreshGroupsEnabled],
  ];
  return asked.filter(([, unheeded]) => unheeded).map(([key]) => key);
}
