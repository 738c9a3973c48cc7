import type { Clock } from '../../common/clock.js';
import { withDeadline } from '../../common/deadline.js';
import { describeError, TimeoutError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaApiError } from '../../kafka/admin/errors.js';
import type { CommitFailure, OffsetToCommit } from '../../kafka/admin/group-admin.js';
import { BrokerResponseError } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { TargetTranslation } from '../../mirror/offset-map.js';
import type { GroupRow } from './group-positions.js';
import { SYNC_COMMIT_MS_MAX, SYNC_FIRST_MS, SYNC_GROUPS_MAX, SYNC_LOOK_MS_MAX } from './limits.js';
import type { SourceFacts } from './source-facts.js';
import { applicationMetadata, decideSync, type SyncDecision } from './sync-decision.js';
import type { SyncedOffset, SyncedOffsets } from './synced-offsets.js';

export interface GroupSyncOptions {
  admin: AdminClient;
  intervalMs: number;
  clock: Clock;
  log: Logger;
  /** Where missing rights are shown. */
  facts: SourceFacts;
  /** The alias of the target. */
  target: string;
  rows: () => Iterable<GroupRow>;
  translate: (row: GroupRow) => TargetTranslation;
  /** Of the log that translations are about; empty if there is none yet. */
  targetTopicId: (row: GroupRow) => string;
  attemptsOf: SyncedOffsets['of'];
  /** Makes them durable. Throws unless this coordinator is still the one that writes for the flow. */
  note: (offsets: readonly SyncedOffset[], signal: AbortSignal) => Promise<void>;
  /** False once the offsets on the target are no longer ours to move: the topic was promoted. */
  mayMove: (row: GroupRow) => boolean;
  /** False while the whole flow is promoted: a failback lets it run again, under the same leader. */
  active: () => boolean;
}

/** How the last attempt with a group ended: `active` has members there, `unknown` was not answered. */
export type SyncOutcome = 'committed' | 'active' | 'failed' | 'unknown';

interface DecidedCommit {
  noted: SyncedOffset;
  commit: OffsetToCommit;
}

const LANE = 'group-offsets';

const NOTICE = 'groups-not-committed';

/** Groups in these states have no members. Whatever else there is, or comes: hands off. */
const MEMBERLESS = new Set(['Empty', 'Dead']);

/**
 * Commits translated offsets on the target, of groups that have no members there, so that a consumer
 * that starts there goes on where its group is on the source (`sync.group.offsets.enabled`). Brokers
 * refuse such commits for a group that has got members since we looked.
 */
export class GroupSync {
  readonly #options: GroupSyncOptions;
  readonly #outcomes = new Map<string, SyncOutcome>();
  /** By group, the right that was missing at the last attempt. */
  readonly #missing = new Map<string, string>();
  readonly #underWay = new Set<Promise<unknown>>();
  /** Refused commits since the start, of single partitions. */
  failures = 0;

  constructor(options: GroupSyncOptions) {
    this.#options = options;
  }

  outcomeOf(group: string): SyncOutcome | undefined {
    return this.#outcomes.get(group);
  }

  /** Until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, log } = this.#options;
    await clock.sleep(Math.min(intervalMs, SYNC_FIRST_MS), signal).catch(() => undefined);
    while (!signal.aborted) {
      try {
        if (this.#options.active()) await this.round(signal);
        else this.#options.facts.clear('', NOTICE);
      } catch (error) {
        if (signal.aborted) break;
        // Not listed is not the same as not there: nothing is committed.
        log.warn({ error: describeError(error) }, 'group offsets are not committed on the target');
      }
      await clock.sleep(intervalMs, signal).catch(() => undefined);
    }
    this.#options.facts.clear('', NOTICE);
  }

  /** Resolves when no commit that was decided before the call is under way any more; never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  /** Every group once. Throws when the target's groups cannot be listed. */
  async round(signal: AbortSignal): Promise<void> {
    const { admin, rows } = this.#options;
    const groups = new Map<string, GroupRow[]>();
    for (const row of rows()) {
      const ofGroup = groups.get(row.group);
      if (ofGroup === undefined) groups.set(row.group, [row]);
      else ofGroup.push(row);
    }
    if (groups.size === 0) return;
    const listed = await admin.listGroups({ signal });
    const states = new Map(listed.map(({ groupId, state }) => [groupId, state]));
    const waiting = [...groups];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [group, ofGroup] = next;
        const attempt = this.#group(ofGroup, states.get(group), signal);
        this.#underWay.add(attempt);
        this.#outcomes.set(group, await attempt.finally(() => this.#underWay.delete(attempt)));
      }
    };
    await Promise.all(Array.from({ length: SYNC_GROUPS_MAX }, work));
    for (const group of this.#missing.keys()) if (!groups.has(group)) this.#missing.delete(group);
    this.#noteMissing();
  }

  /** One notice for all groups: there may be thousands, and one rule on a prefix mends them. */
  #noteMissing(): void {
    const { facts, target } = this.#options;
    const [first] = this.#missing;
    if (first === undefined) return facts.clear('', NOTICE);
    const [group, right] = first;
    const more = this.#missing.size > 1 ? ` and ${this.#missing.size - 1} more groups` : '';
    const message = `offsets of group ${group}${more} are not committed on ${target}; grant ${right}`;
    facts.note({ topic: '', code: NOTICE, message, degraded: true });
  }

  async #group(
    rows: readonly GroupRow[],
    state: string | undefined,
    signal: AbortSignal,
  ): Promise<SyncOutcome> {
    if (state !== undefined && !MEMBERLESS.has(state)) return 'active';
    const { clock, log } = this.#options;
    const { group } = rows[0]!;
    this.#missing.delete(group);
    try {
      const lookedAtMs = clock.nowMs();
      const decided = await this.#decide(rows, signal);
      if (decided.length === 0) return 'committed';
      const noted = decided.map((each) => each.noted);
      await this.#options.note(noted, signal);
      signal.throwIfAborted();
      const leftMs = lookedAtMs + SYNC_LOOK_MS_MAX - clock.nowMs();
      if (leftMs < 0 || !this.#options.active()) return 'unknown';
      const commits = decided.map(({ commit }) => commit);
      const failures = await this.#commit({ group, commits, leftMs }, signal);
      const first = failures[0];
      if (first === undefined) return 'committed';
      this.failures += failures.length;
      const { topic, partition, errorName } = first;
      const refused = { group, topic, partition, error: errorName, partitions: failures.length };
      // Members have come since the listing: then the offsets are theirs.
      if (errorName === 'UNKNOWN_MEMBER_ID') return 'active';
      this.#noteRight(group, first);
      log.warn(refused, 'the target does not take a group offset');
      return 'failed';
    } catch (error) {
      if (signal.aborted) return 'unknown';
      const isAnswer = error instanceof KafkaApiError || error instanceof BrokerResponseError;
      if (isAnswer) this.#noteRight(group, error);
      log.warn({ group, error: describeError(error) }, 'a group on the target is not known');
      return 'unknown';
    }
  }

  /** Sends nothing once the time is up, however long it takes to find out to whom. */
  async #commit(
    { group, commits, leftMs }: { group: string; commits: OffsetToCommit[]; leftMs: number },
    signal: AbortSignal,
  ): Promise<CommitFailure[]> {
    const { admin, clock } = this.#options;
    const what = `committing offsets of group ${group}`;
    // A socket of their own, which nothing else fails with.
    const options = { lane: LANE, timeoutMs: SYNC_COMMIT_MS_MAX };
    try {
      return await withDeadline({ what, ms: leftMs, clock, signal }, (until) =>
        admin.commitGroupOffsets(group, commits, { ...options, signal: until }),
      );
    } catch (error) {
      // It may be on its way until its socket is reset: so long it counts as under way.
      if (error instanceof TimeoutError) await clock.sleep(SYNC_COMMIT_MS_MAX, signal);
      throw error;
    }
  }

  #noteRight(group: string, { errorCode, topic }: { errorCode: number; topic?: string }): void {
    if (errorCode === ErrorCode.GROUP_AUTHORIZATION_FAILED)
      this.#missing.set(group, `Describe and Read on group ${group}`);
    else if (errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED && topic !== undefined)
      this.#missing.set(group, `Read on topic ${topic}`);
  }

  async #decide(rows: readonly GroupRow[], signal: AbortSignal): Promise<DecidedCommit[]> {
    const { admin, translate, attemptsOf, mayMove } = this.#options;
    const { group } = rows[0]!;
    const found = (await admin.groupOffsets([group], { signal })).get(group) ?? [];
    const committed = new Map(found.map((each) => [`${each.topic}:${each.partition}`, each]));
    const commits: DecidedCommit[] = [];
    for (const row of rows.filter(mayMove)) {
      const { written, live, targetTopic: topic, partition } = row;
      // Nothing goes before its checkpoint: a successor must not know an older position than is committed.
      if (written === undefined) continue;
      const { sourceOffset } = written;
      const metadata = applicationMetadata(written.metadata);
      const now = committed.get(`${topic}:${partition}`);
      const current = now && { offset: now.offset, metadata: now.metadata ?? '' };
      const { targetOffset } = translate({ ...row, sourceOffset });
      const targetTopicId = this.#options.targetTopicId(row);
      const attempts = attemptsOf(row);
      const decision = decideSync({
        ...{ sourceOffset, metadata, live, targetOffset, current, attempts, targetTopicId },
      });
      if (decision.kind === 'commit') commits.push(decidedCommit(row, decision));
    }
    return commits;
  }
}

function decidedCommit(
  row: GroupRow,
  { attempt, attempts }: Extract<SyncDecision, { kind: 'commit' }>,
): DecidedCommit {
  const { group, topic, partition, targetTopic } = row;
  const { targetOffset: offset, metadata } = attempt;
  return {
    noted: { place: { group, topic, partition }, attempts },
    commit: { topic: targetTopic, partition, offset, metadata },
  };
}
