import { KafkaApiError } from '../../kafka/admin/errors.js';
import type { AclBinding } from '../../kafka/admin/acl-admin.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { aclChanges, aclKey, targetAcls } from './acl-rules.js';
import type { ReconcilerOptions } from './target-reconciler.js';

const NOTICE = 'acls-not-synced';

/** Makes the target's ACLs follow the source's. Throws what may pass; the rest becomes a notice. */
export async function syncAcls(options: ReconcilerOptions, signal: AbortSignal): Promise<void> {
  const { facts, flow, log } = options;
  const { state, bindings } = facts.acls;
  if (state !== 'listed') return;
  const mirrored = [...new Set(options.mapped().map(({ topic }) => topic))];
  const wanted = targetAcls(bindings, flow, mirrored);
  const promoted = mirrored.filter((topic) => options.isPromoted(topic)).map(options.targetTopic);
  try {
    await apply(options, { wanted, promoted: new Set(promoted) }, signal);
    facts.clear('', NOTICE);
  } catch (error) {
    if (!(error instanceof KafkaApiError) || error.retriable) throw error;
    const message =
      error.errorCode === ErrorCode.SECURITY_DISABLED
        ? `${flow.target} has no authorizer, so the ACLs of ${flow.source} cannot be mirrored; set ` +
          'sync.topic.acls.enabled=false'
        : `ACLs are not mirrored to ${flow.target}; grant Alter and Describe on the cluster ` +
          `(${error.message})`;
    const notice = { topic: '', code: NOTICE, message, degraded: wanted.size > 0 };
    if (facts.note(notice)) log.warn({ flow: flow.id, problem: message }, 'ACLs are not mirrored');
  }
}

interface WantedAcls {
  wanted: ReadonlyMap<string, AclBinding>;
  /** Target topics whose rules are no longer ours to change. */
  promoted: ReadonlySet<string>;
}

async function apply(
  { admin, belongings, flow, log }: ReconcilerOptions,
  { wanted, promoted }: WantedAcls,
  signal: AbortSignal,
): Promise<void> {
  if (wanted.size === 0 && belongings.ownedAcls.size === 0) return;
  const onTarget = new Set((await admin.listAcls({ signal })).map(aclKey));
  const changes = aclChanges(wanted, belongings.ownedAcls, onTarget);
  const ofCopies = (bindings: readonly AclBinding[]): AclBinding[] =>
    bindings.filter(({ resourceName }) => !promoted.has(resourceName));
  const addDeny = ofCopies(changes.addDeny);
  const removeAllow = ofCopies(changes.removeAllow);
  const addAllow = ofCopies(changes.addAllow);
  const removeDeny = ofCopies(changes.removeDeny);
  const added = [...addDeny, ...addAllow];
  const removed = [...removeAllow, ...removeDeny];
  // Before they are made: what a crash leaves behind is ours, and is removed when its time comes.
  await belongings.ownAcls(added, signal);
  await admin.addAcls(addDeny, { signal });
  await admin.deleteAcls(removeAllow, { signal });
  await admin.addAcls(addAllow, { signal });
  await admin.deleteAcls(removeDeny, { signal });
  await belongings.disownAcls(removed, signal);
  if (added.length + removed.length === 0) return;
  log.info(
    { flow: flow.id, added: added.map(aclKey), removed: removed.map(aclKey) },
    'ACLs mirrored',
  );
}
