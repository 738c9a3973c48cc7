import { createHash } from 'node:crypto';

import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { AclBinding } from '../../kafka/admin/acl-admin.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaApiError } from '../../kafka/admin/errors.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { AclLook as Look, type SourceAcls } from '../../proto/gen/mirror/v1/agent.js';

/** Some hundred bytes each. */
const BINDINGS_PER_MESSAGE_MAX = 5_000;

/** A broker comes back, and a right that is missing may be granted: sooner than a long interval. */
const FAILED_RETRY_MS_MAX = 10_000;

export interface AclLookOptions {
  flow: FlowConfig;
  admin: AdminClient;
  clock: Clock;
  log: Logger;
  send: (acls: SourceAcls) => boolean;
}

/** Lists the source's ACLs each `sync.topic.acls.interval.seconds`, and reports them. */
export class AclLook {
  readonly #options: AclLookOptions;
  /** Digest of what was reported last in this session; empty if nothing. */
  #reported = '';
  #dueMs = 0;
  #warned = false;

  constructor(options: AclLookOptions) {
    this.#options = options;
  }

  repeatAll(): void {
    this.#reported = '';
    this.#dueMs = 0;
  }

  /** False when no look is due: nothing is known then that was not before. */
  async look(signal: AbortSignal): Promise<boolean> {
    const { flow, admin, clock } = this.#options;
    const nowMs = clock.nowMs();
    if (!flow.syncTopicAclsEnabled || nowMs < this.#dueMs) return false;
    this.#dueMs = nowMs + flow.syncTopicAclsIntervalMs;
    let bindings: AclBinding[];
    try {
      bindings = await admin.listAcls({ signal });
    } catch (error) {
      this.#dueMs = Math.min(this.#dueMs, nowMs + FAILED_RETRY_MS_MAX);
      if (!(error instanceof KafkaApiError) || error.retriable) throw error;
      this.#refused(error);
      return true;
    }
    this.#warned = false;
    if (!this.#report(bindings)) this.repeatAll();
    return true;
  }

  #report(bindings: readonly AclBinding[]): boolean {
    const { flow, send } = this.#options;
    const texts = bindings.map((binding) => JSON.stringify(Object.values(binding))).sort();
    const digest = createHash('sha256').update(texts.join('\n')).digest('base64');
    const base = { flow: flow.id, problem: undefined };
    if (digest === this.#reported) return send({ ...base, look: Look.UNCHANGED, bindings: [] });
    // Whoever sent parts of a list before may not have come to its end: an empty one begins anew.
    if (
      bindings.length > BINDINGS_PER_MESSAGE_MAX &&
      !send({ ...base, look: Look.PART, bindings: [] })
    )
      return false;
    let start = 0;
    do {
      const part = bindings.slice(start, start + BINDINGS_PER_MESSAGE_MAX);
      start += part.length;
      const look = start < bindings.length ? Look.PART : Look.DONE;
      if (!send({ ...base, look, bindings: part })) return false;
    } while (start < bindings.length);
    this.#reported = digest;
    return true;
  }

  #refused(error: KafkaApiError): void {
    const { flow, clock, log, send } = this.#options;
    this.#reported = '';
    const base = { flow: flow.id, bindings: [] };
    if (error.errorCode === ErrorCode.SECURITY_DISABLED) {
      const message = 'the source has no authorizer, so there are no ACLs to mirror';
      if (!this.#warned) log.warn({ flow: flow.id }, `${message}; sync.topic.acls.enabled=false`);
      if (!send({ ...base, look: Look.NO_AUTHORIZER, problem: undefined })) this.#dueMs = 0;
    } else {
      const message =
        `the ACLs of ${flow.source} may not be read; grant Describe on the cluster, or set ` +
        `sync.topic.acls.enabled=false (${describeError(error)})`;
      if (!this.#warned) log.warn({ flow: flow.id }, message);
      const problem = { code: 'not-authorized', message };
      if (!send({ ...base, look: Look.REFUSED, problem })) this.#dueMs = 0;
      this.#dueMs = Math.min(this.#dueMs, clock.nowMs() + FAILED_RETRY_MS_MAX);
    }
    this.#warned = true;
  }
}
