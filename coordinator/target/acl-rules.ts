import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  type AclBinding,
} from '../../kafka/admin/acl-admin.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { topicExclusion } from '../../mirror/policy/topic-selection.js';

export type AclFlow = Pick<
  FlowConfig,
  | 'source'
  | 'target'
  | 'policy'
  | 'topicFilter'
  | 'groupFilter'
  | 'heartbeatsReplicationEnabled'
  | 'syncTopicAclsScope'
>;

/** The name with which a literal binding is on every topic, or every group. */
const WILDCARD = '*';

/** What two bindings have in common exactly if they are the same. */
export function aclKey(binding: AclBinding): string {
  const { resourceType, patternType, resourceName, principal, host } = binding;
  const { operation, permission } = binding;
  return JSON.stringify([
    ...[resourceType, patternType, resourceName, principal, host, operation, permission],
  ]);
}

/**
 * The ACLs that the target should have because the source has those. Literal ones on topics that the
 * flow selects become those of MM2's MirrorSourceConnector: renamed by policy, ALLOW WRITE left out,
 * ALLOW ALL made ALLOW READ, DENY as it is.
 *
 * With the scope `all`, rules on prefixes and on all topics follow, and those on groups. A rule on a
 * prefix becomes one on the prefixed name; where that would cover more than copies, it becomes one
 * for each topic that it is about. A DENY that is left out by the scope still holds for each topic on
 * which an ALLOW was copied: the target is never more permissive.
 */
export function targetAcls(
  source: readonly AclBinding[],
  flow: AclFlow,
  mirroredTopics: readonly string[],
): Map<string, AclBinding> {
  const wanted = new Map<string, AclBinding>();
  const add = (binding: AclBinding): unknown => wanted.set(aclKey(binding), binding);
  const all = flow.syncTopicAclsScope === 'all';
  const allowed = new Set<string>();
  const patterns: AclBinding[] = [];
  for (const binding of source) {
    if (isDroppedAllow(binding)) continue;
    if (binding.resourceType === AclResourceType.group) {
      if (all && selectsGroup(flow, binding)) add(downgraded(binding));
    } else if (binding.resourceType !== AclResourceType.topic) continue;
    else if (isPattern(binding)) patterns.push(binding);
    else if (topicExclusion(flow, binding.resourceName) === null) {
      add(onTopic(flow, binding, binding.resourceName));
      if (binding.permission === AclPermission.allow) allowed.add(binding.resourceName);
    }
  }
  const topics = new Set(all ? [...mirroredTopics, ...allowed] : allowed);
  for (const binding of patterns) {
    if (!all && binding.permission !== AclPermission.deny) continue;
    const narrowed = all ? onPrefix(flow, binding) : undefined;
    if (narrowed !== undefined) add(narrowed);
    else {
      for (const topic of topics) if (covers(binding, topic)) add(onTopic(flow, binding, topic));
    }
  }
  return wanted;
}

/** Only this flow appends to copies. */
function isDroppedAllow({ resourceType, permission, operation }: AclBinding): boolean {
  if (resourceType !== AclResourceType.topic) return false;
  return permission === AclPermission.allow && operation === AclOperation.write;
}

function isPattern({ patternType, resourceName }: AclBinding): boolean {
  return patternType !== AclPatternType.literal || resourceName === WILDCARD;
}

/** A literal rule on a group is for a group that the flow selects; patterns are taken as they are. */
function selectsGroup(flow: AclFlow, binding: AclBinding): boolean {
  return isPattern(binding) || flow.groupFilter.accepts(binding.resourceName);
}

function covers({ patternType, resourceName }: AclBinding, topic: string): boolean {
  if (patternType === AclPatternType.prefixed) return topic.startsWith(resourceName);
  return resourceName === WILDCARD;
}

function downgraded(binding: AclBinding): AclBinding {
  const isAllowAll =
    binding.permission === AclPermission.allow && binding.operation === AclOperation.all;
  return isAllowAll ? { ...binding, operation: AclOperation.read } : binding;
}

function onTopic({ policy, source }: AclFlow, binding: AclBinding, topic: string): AclBinding {
  const resourceName = policy.formatRemoteTopic(source, topic);
  return { ...downgraded(binding), resourceName, patternType: AclPatternType.literal };
}

/** One rule on the prefix of the copies' names, or undefined if it would cover more than those. */
function onPrefix({ policy, source }: AclFlow, binding: AclBinding): AclBinding | undefined {
  const ofSource = policy.formatRemoteTopic(source, '');
  // Without an alias and a separator that the policy recognises, others' topics would begin so too.
  if (ofSource === '' || policy.topicSource(`${ofSource}x`) !== source) return undefined;
  const isWildcard = binding.patternType === AclPatternType.literal;
  const resourceName = `${ofSource}${isWildcard ? '' : binding.resourceName}`;
  // Who may read every topic of the source may read its groups' offsets; others may not.
  if (!isWildcard && policy.checkpointsTopic(source).startsWith(resourceName)) return undefined;
  return { ...downgraded(binding), resourceName, patternType: AclPatternType.prefixed };
}

export interface AclChanges {
  /** In this order: at no moment is more allowed than before or after. */
  readonly addDeny: readonly AclBinding[];
  readonly removeAllow: readonly AclBinding[];
  readonly addAllow: readonly AclBinding[];
  readonly removeDeny: readonly AclBinding[];
}

/** What is to be done; bindings that we did not make are never removed. */
export function aclChanges(
  wanted: ReadonlyMap<string, AclBinding>,
  owned: ReadonlyMap<string, AclBinding>,
  onTarget: ReadonlySet<string>,
): AclChanges {
  const added = [...wanted].filter(([key]) => !onTarget.has(key)).map(([, binding]) => binding);
  const removed = [...owned].filter(([key]) => !wanted.has(key)).map(([, binding]) => binding);
  const isDeny = ({ permission }: AclBinding): boolean => permission === AclPermission.deny;
  return {
    addDeny: added.filter(isDeny),
    removeAllow: removed.filter((binding) => !isDeny(binding)),
    addAllow: added.filter((binding) => !isDeny(binding)),
    removeDeny: removed.filter(isDeny),
  };
}
