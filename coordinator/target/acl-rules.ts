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
 * for each topic that it is about. A DENY that is left out by the scope, or that is on a topic or group
 * which the flow does not select, still holds for whatever a copied ALLOW covers: the target is never
 * more permissive.
 */
export function targetAcls(
  source: readonly AclBinding[],
  flow: AclFlow,
  mirroredTopics: readonly string[],
): Map<string, AclBinding> {
  const wanted = new Map<string, AclBinding>();
  const add = (binding: AclBinding): unknown => wanted.set(aclKey(binding), binding);
  const all = flow.syncTopicAclsScope === 'all';
  const { literals, patterns } = sortOut(source, all);
  const named = literals.filter((binding) => isSelected(flow, binding));
  for (const binding of named) add(onTarget(flow, binding, binding.resourceName));
  const allowed = named.filter(isTopicAllow).map(({ resourceName }) => resourceName);
  const copies = all ? [...mirroredTopics, ...allowed] : allowed;
  const selected = copies.filter((topic) => topicExclusion(flow, topic) === null);
  const wide: AclBinding[] = [];
  for (const binding of patterns) {
    const isAllow = binding.permission === AclPermission.allow;
    if (!all && isAllow) continue;
    const narrowed = all ? asPattern(flow, binding) : undefined;
    if (narrowed !== undefined) {
      add(narrowed);
      if (isAllow) wide.push(binding);
      continue;
    }
    // Copies that the flow has left are there still: nothing new allows to read them.
    const topics = isAllow ? selected : copies;
    for (const topic of topics) if (covers(binding, topic)) add(onTarget(flow, binding, topic));
  }
  for (const binding of literals) {
    const { permission, resourceName } = binding;
    if (permission !== AclPermission.deny || isSelected(flow, binding)) continue;
    if (wide.some((allow) => isOfSameType(allow, binding) && covers(allow, resourceName)))
      add(onTarget(flow, binding, resourceName));
  }
  return wanted;
}

/** Bindings on topics and, with the scope `all`, on groups, as far as they are copied at all. */
function sortOut(
  source: readonly AclBinding[],
  all: boolean,
): { literals: AclBinding[]; patterns: AclBinding[] } {
  const { topic, group } = AclResourceType;
  const taken = source.filter(
    (binding) =>
      !isDroppedAllow(binding) &&
      (binding.resourceType === topic || (all && binding.resourceType === group)),
  );
  return {
    literals: taken.filter((binding) => !isPattern(binding)),
    patterns: taken.filter(isPattern),
  };
}

/** Only this flow appends to copies. */
function isDroppedAllow({ resourceType, permission, operation }: AclBinding): boolean {
  if (resourceType !== AclResourceType.topic) return false;
  return permission === AclPermission.allow && operation === AclOperation.write;
}

function isPattern({ patternType, resourceName }: AclBinding): boolean {
  return patternType !== AclPatternType.literal || resourceName === WILDCARD;
}

/** Whether a literal rule is on a topic or a group that the flow selects. */
function isSelected(flow: AclFlow, { resourceType, resourceName }: AclBinding): boolean {
  return resourceType === AclResourceType.group
    ? flow.groupFilter.accepts(resourceName)
    : topicExclusion(flow, resourceName) === null;
}

function isTopicAllow({ resourceType, permission }: AclBinding): boolean {
  return resourceType === AclResourceType.topic && permission === AclPermission.allow;
}

function isOfSameType(one: AclBinding, other: AclBinding): boolean {
  return one.resourceType === other.resourceType;
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

/** The rule on one topic's copy, or on the group, which keeps its name. */
function onTarget({ policy, source }: AclFlow, binding: AclBinding, name: string): AclBinding {
  if (binding.resourceType === AclResourceType.group) return downgraded(binding);
  const resourceName = policy.formatRemoteTopic(source, name);
  return { ...downgraded(binding), resourceName, patternType: AclPatternType.literal };
}

/** One rule on the prefix of the copies' names, or undefined if it would cover more than those. */
function asPattern({ policy, source }: AclFlow, binding: AclBinding): AclBinding | undefined {
  if (binding.resourceType === AclResourceType.group) return downgraded(binding);
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
