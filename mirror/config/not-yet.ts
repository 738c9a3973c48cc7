import type { FlowConfig } from './mirror-config.js';

/** Keys that a flow sets, on purpose or by MirrorMaker 2's defaults, and that this version does not heed. */
export function notYetDone(flow: FlowConfig): string[] {
  const asked: readonly (readonly [key: string, unheeded: boolean])[] = [
    ['sync.topic.configs.enabled', flow.syncTopicConfigsEnabled],
    ['sync.topic.acls.enabled', flow.syncTopicAclsEnabled],
    // Turned off, and done all the same: discovery stands on it.
    ['refresh.topics.enabled', !flow.refreshTopicsEnabled],
  ];
  return asked.filter(([, unheeded]) => unheeded).map(([key]) => key);
}
