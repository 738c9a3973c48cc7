import type { AclBinding } from '../../kafka/admin/acl-admin.js';
import type { AclKey, GoneKey, SyncedKey, WiderKey } from '../../mirror/records/offset-map-key.js';
import {
  encodeOffsetMapRecord,
  type GoneTopic,
  type Mark,
  type OffsetMapRecord,
  type SyncAttempt,
} from '../../mirror/records/offset-map-record.js';
import { aclKey } from './acl-rules.js';
import type { InternalTopic } from './internal-topic.js';
import { SyncedOffsets } from './synced-offsets.js';

export type BelongingRecord =
  | (AclKey & { value: Mark | undefined })
  | (GoneKey & { value: GoneTopic | undefined })
  | (WiderKey & { value: Mark | undefined })
  | (SyncedKey & { value: readonly SyncAttempt[] | undefined });

export function isBelonging(record: OffsetMapRecord): record is BelongingRecord {
  const { kind } = record;
  return kind === 'acl' || kind === 'gone' || kind === 'wider' || kind === 'synced';
}

/**
 * What a flow remembers on its target besides its offset maps: the ACLs that it made there, since
 * when a topic is missing on the source, which may be wider than there, and what it committed for
 * groups. Each change is durable before what rests on it is done.
 */
export class Belongings {
  readonly synced: SyncedOffsets;
  readonly #topic: Pick<InternalTopic, 'append'>;
  readonly #owned = new Map<string, AclBinding>();
  readonly #gone = new Map<string, bigint>();
  readonly #wider = new Set<string>();

  constructor(topic: Pick<InternalTopic, 'append'>) {
    this.#topic = topic;
    this.synced = new SyncedOffsets(topic);
  }

  /** By aclKey(). A binding that was meant to be made, and perhaps was not, is here as well. */
  get ownedAcls(): ReadonlyMap<string, AclBinding> {
    return this.#owned;
  }

  /** In ms since 1970, by source topic. */
  get goneSince(): ReadonlyMap<string, bigint> {
    return this.#gone;
  }

  /** Source topics whose target topic may have more partitions. */
  get wider(): ReadonlySet<string> {
    return this.#wider;
  }

  restore(record: BelongingRecord): void {
    if (record.value === undefined) return;
    if (record.kind === 'synced') this.synced.restore({ ...record, value: record.value });
    else if (record.kind === 'acl') this.#owned.set(aclKey(record.binding), record.binding);
    else if (record.kind === 'wider') this.#wider.add(record.topic);
    else this.#gone.set(record.topic, record.value.sinceMs);
  }

  async ownAcls(bindings: readonly AclBinding[], signal: AbortSignal): Promise<void> {
    const fresh = bindings.filter((binding) => !this.#owned.has(aclKey(binding)));
    const value = {};
    await this.#write(
      fresh.map((binding) => ({ kind: 'acl', binding, value })),
      signal,
    );
    for (const binding of fresh) this.#owned.set(aclKey(binding), binding);
  }

  async disownAcls(bindings: readonly AclBinding[], signal: AbortSignal): Promise<void> {
    const value = undefined;
    await this.#write(
      bindings.map((binding) => ({ kind: 'acl', binding, value })),
      signal,
    );
    for (const binding of bindings) this.#owned.delete(aclKey(binding));
  }

  async missTopic(topic: string, sinceMs: bigint, signal: AbortSignal): Promise<void> {
    await this.#write([{ kind: 'gone', topic, value: { sinceMs } }], signal);
    this.#gone.set(topic, sinceMs);
  }

  /** It is there again, or its copy was deleted. */
  async forgetMissing(topic: string, signal: AbortSignal): Promise<void> {
    if (!this.#gone.has(topic)) return;
    await this.#write([{ kind: 'gone', topic, value: undefined }], signal);
    this.#gone.delete(topic);
  }

  async acceptWider(topic: string, signal: AbortSignal): Promise<void> {
    await this.#write([{ kind: 'wider', topic, value: {} }], signal);
    this.#wider.add(topic);
  }

  async #write(records: readonly BelongingRecord[], signal: AbortSignal): Promise<void> {
    if (records.length === 0) return;
    await this.#topic.append(records.map(encodeOffsetMapRecord), signal);
  }
}
