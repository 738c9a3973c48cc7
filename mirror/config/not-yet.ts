import type { FlowConfig } from './mirror-config.js';

/** What a flow asks for, on purpose or by MirrorMaker 2's defaults, that this version does not do. */
export function notYetDone(flow: FlowConfig): string[] {
  const asked: readonly (readonly [key: string, enabled: boolean])[] = [
    ['sync.topic.configs.enabled', flow.syncTopicConfigsEnabled],
    ['sync.topic.acls.enabled', flow.syncTopicAclsEnabled],
    ['sync.group.offsets.enabled', flow.syncGroupOffsetsEnabled],
    ['emit.heartbeats.enabled', flow.emitHeartbeatsEnabled],
    ['emit.offset-syncs.enabled', flow.emitOffsetSyncsEnabled],
  ];
  return asked.filter(([, enabled]) => enabled).map(([key]) => key);
}
