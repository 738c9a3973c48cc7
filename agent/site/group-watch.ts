import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { Wakeup } from '../../common/wakeup.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { isAnyDrillName, isDrillName } from '../../mirror/drill-names.js';
import { topicExclusion } from '../../mirror/policy/topic-selection.js';
import type { GroupOffset } from '../../proto/gen/mirror/v1/agent.js';
import { changedOffsets } from './changed-offsets.js';
import { commitKey, CommitReader } from './commit-reader.js';
import { GroupsRightError } from './group-errors.js';
import { GroupTrouble } from './group-trouble.js';
import {
  GROUPS_ABSENT_INTERVAL_MS,
  GROUPS_POLL_INTERVAL_MS,
  GROUPS_RELIST_MS,
  GROUPS_RIGHTS_RETRY_MS,
  GROUP_NAMES_KEPT_MAX,
  OFFSETS_PER_REPORT_MAX,
  OFFSETS_RETRY_MAX_MS,
  OFFSETS_RETRY_MIN_MS,
  REPORT_RETRY_MS,
} from './limits.js';
import { OffsetReports } from './offset-reports.js';
import { OffsetsTail } from './offsets-tail.js';

export interface GroupWatchOptions {
  flow: FlowConfig;
  source: KafkaCluster;
  admin: AdminClient;
  clock: Clock;
  log: Logger;
  /** False when nobody took it. */
  send: (offsets: GroupOffset[]) => boolean;
  /** Why groups have not been followed for a while; empty once they are again. */
  trouble: (problem: string) => void;
}

/**
 * Knows what the selected groups have committed on the source, and reports each change within
 * milliseconds: from the log of the group coordinators, or by polling where that may not be read.
 *
 *   tail from the last stable offsets ─► list all through the admin API ─► read on to the log's end
 *     ─► report the listing, less what the log said since ─► report what the log says
 *
 * A listing that fails reports nothing: unknown is not empty. It is repeated after every new session
 * with a coordinator, and every `refresh.groups.interval.seconds` in case that anything was missed.
 */
export class GroupWatch {
  readonly #options: GroupWatchOptions;
  readonly #listSoon = new Wakeup();
  readonly #trouble: GroupTrouble;
  readonly #names = new Map<string, boolean>();
  /** With `refresh.groups.enabled = false`: the groups of the first listing, and no others. */
  #fixed: Set<string> | undefined;
  #listsLater = false;
  /** Who waits for a listing that begins after they asked. */
  readonly #askers = new Set<Asker>();
  #warnedRight = '';
  /** While polling: what was reported. */
  readonly #polled = new Map<string, GroupOffset>();

  constructor(options: GroupWatchOptions) {
    this.#options = options;
    this.#trouble = new GroupTrouble({ clock: options.clock, tell: options.trouble });
  }

  /** A new session knows nothing: everything is reported again. */
  repeatAll(): void {
    this.#polled.clear();
    this.#listSoon.wake();
  }

  /**
   * Resolves once everything that was committed before this call is reported; rejects with why the
   * groups cannot be listed now, or with the signal's reason.
   */
  async reportNow(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    let giveUp = (): void => {};
    const reported = new Promise<void>((resolve, reject) => {
      const asker = { resolve, reject };
      giveUp = () => {
        this.#askers.delete(asker);
        reject(signal.reason as Error);
      };
      this.#askers.add(asker);
    });
    signal.addEventListener('abort', giveUp, { once: true });
    this.#listSoon.wake();
    await reported.finally(() => signal.removeEventListener('abort', giveUp));
  }

  /** Until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let delayMs = OFFSETS_RETRY_MIN_MS;
    while (!signal.aborted) {
      const startedMs = clock.nowMs();
      try {
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof GroupsRightError) await this.#pollInstead(error, signal);
        else {
          this.#failed([...this.#askers], error, 'the groups of the source are not known');
        }
      }
      if (clock.nowMs() - startedMs > OFFSETS_RETRY_MAX_MS) delayMs = OFFSETS_RETRY_MIN_MS;
      await clock.sleep(delayMs, signal).catch(() => undefined);
      delayMs = Math.min(2 * delayMs, OFFSETS_RETRY_MAX_MS);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { source, clock, log } = this.#options;
    const asked = [...this.#askers];
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const reports = new OffsetReports();
    const reader = new CommitReader((group, topic) => this.#accepts(group, topic));
    const sender = new ReportSender(this.#options, reports, either);
    const tail = await OffsetsTail.open(
      {
        ...{ cluster: source, clock, log },
        onBatch: (partition, batch, from) => {
          const { changes, incomplete } = reader.read(partition, batch, from);
          reports.take(changes);
          if (incomplete) this.#listLater(either);
        },
        onAnswer: () => sender.flush(),
        onUnread: (unread) => {
          if (unread === undefined) this.#trouble.works('tail');
          else this.#trouble.failed('tail', unread.reason, unread.sinceMs);
        },
      },
      signal,
    );
    if (tail === undefined) {
      this.#trouble.works('listing', 'tail');
      this.#answer(asked); // no group has ever committed anything
      await clock.sleep(GROUPS_ABSENT_INTERVAL_MS, signal);
      return;
    }
    const running = [tail.run(either), this.#listAgain({ tail, reports, sender }, either)];
    try {
      await Promise.race(running);
    } finally {
      stop.abort();
      await Promise.allSettled(running);
    }
  }

  /** Something could not be kept or read: soon, but not for each record of its kind. */
  #listLater(signal: AbortSignal): void {
    if (this.#listsLater) return;
    this.#listsLater = true;
    const list = (): void => {
      this.#listsLater = false;
      this.#listSoon.wake();
    };
    void this.#options.clock.sleep(GROUPS_RELIST_MS, signal).then(list, list);
  }

  async #listAgain(
    parts: { tail: OffsetsTail; reports: OffsetReports; sender: ReportSender },
    signal: AbortSignal,
  ): Promise<void> {
    const { flow, clock } = this.#options;
    const { tail, reports, sender } = parts;
    while (!signal.aborted) {
      const asked = [...this.#askers];
      reports.beginListing();
      const listed = await this.#list(asked, signal);
      await tail.caughtUp(signal);
      this.#trouble.works('listing');
      reports.endListing(listed, (group) => this.#fixed?.has(group) ?? true);
      if (sender.flush()) this.#answer(asked);
      const due = new AbortController();
      const waits = [this.#listSoon.wait(AbortSignal.any([signal, due.signal]))];
      if (flow.refreshGroupsEnabled) {
        waits.push(
          clock.sleep(flow.refreshGroupsIntervalMs, AbortSignal.any([signal, due.signal])),
        );
      }
      await Promise.race(waits).finally(() => {
        due.abort();
        for (const wait of waits) wait.catch(() => undefined);
      });
    }
  }

  /** Insists until it is answered: what the log says goes on being reported meanwhile. */
  async #list(askers: readonly Asker[], signal: AbortSignal): Promise<Map<string, GroupOffset>> {
    const { clock } = this.#options;
    for (
      let delayMs = OFFSETS_RETRY_MIN_MS;
      ;
      delayMs = Math.min(2 * delayMs, OFFSETS_RETRY_MAX_MS)
    ) {
      try {
        return await this.#listOnce(signal);
      } catch (error) {
        if (signal.aborted) throw error;
        this.#failed(askers, error, 'the groups of the source cannot be listed');
        await clock.sleep(delayMs, signal);
      }
    }
  }

  async #listOnce(signal: AbortSignal): Promise<Map<string, GroupOffset>> {
    const { flow } = this.#options;
    const committed = await this.#committed(signal);
    const listed = new Map<string, GroupOffset>();
    for (const offset of changedOffsets(flow, committed, new Map())) {
      listed.set(commitKey(offset.group, offset.topic, offset.partition), offset);
    }
    return listed;
  }

  async #committed(signal: AbortSignal): ReturnType<AdminClient['groupOffsets']> {
    const { flow, admin } = this.#options;
    const groups = (await admin.listGroups({ signal }))
      .map(({ groupId }) => groupId)
      .filter((group) => this.#selects(group));
    if (!flow.refreshGroupsEnabled) this.#fixed ??= new Set(groups);
    return groups.length === 0 ? new Map() : admin.groupOffsets(groups, { signal });
  }

  /** The right may be given at any time: after a while it is tried again. */
  async #pollInstead(error: GroupsRightError, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    if (this.#warnedRight !== error.right) {
      this.#warnedRight = error.right;
      const intervalMs = GROUPS_POLL_INTERVAL_MS;
      log.warn({ error: error.message, intervalMs }, 'committed offsets are polled instead');
    }
    const untilMs = clock.nowMs() + GROUPS_RIGHTS_RETRY_MS;
    while (!signal.aborted && clock.nowMs() < untilMs) {
      const asked = [...this.#askers];
      try {
        if (await this.#poll(signal)) this.#answer(asked);
        this.#trouble.works('listing', 'tail');
      } catch (cause) {
        if (signal.aborted) return;
        this.#failed(asked, cause, 'the groups of the source cannot be listed');
      }
      await clock.sleep(GROUPS_POLL_INTERVAL_MS, signal).catch(() => undefined);
    }
  }

  #failed(askers: readonly Asker[], problem: unknown, message: string): void {
    const error = describeError(problem);
    this.#options.log.warn({ error }, message);
    this.#trouble.failed('listing', error);
    this.#answer(askers, problem);
  }

  #answer(askers: readonly Asker[], problem?: unknown): void {
    for (const asker of askers) {
      this.#askers.delete(asker);
      if (problem === undefined) asker.resolve();
      else asker.reject(problem);
    }
  }

  /** False when nobody took it. */
  async #poll(signal: AbortSignal): Promise<boolean> {
    const { flow, send } = this.#options;
    const changed = changedOffsets(flow, await this.#committed(signal), this.#polled);
    for (let start = 0; start < changed.length; start += OFFSETS_PER_REPORT_MAX) {
      const part = changed.slice(start, start + OFFSETS_PER_REPORT_MAX);
      if (!send(part)) return false;
      for (const offset of part) {
        this.#polled.set(commitKey(offset.group, offset.topic, offset.partition), offset);
      }
    }
    return true;
  }

  #accepts(group: string, topic: string): boolean {
    return this.#selects(group) && topicExclusion(this.#options.flow, topic) === null;
  }

  #selects(group: string): boolean {
    if (isDrillName(this.#options.flow.target, group)) return true;
    let selected = this.#names.get(group);
    if (selected === undefined) {
      const { flow } = this.#options;
      selected = !isAnyDrillName(group) && flow.groupFilter.accepts(group);
      if (this.#names.size >= GROUP_NAMES_KEPT_MAX) this.#names.clear();
      this.#names.set(group, selected);
    }
    return selected && (this.#fixed?.has(group) ?? true);
  }
}

interface Asker {
  readonly resolve: () => void;
  readonly reject: (problem: unknown) => void;
}

/** Sends what waits, and tries again soon where the coordinator does not take it yet. */
class ReportSender {
  readonly #options: Pick<GroupWatchOptions, 'send' | 'clock'>;
  readonly #reports: OffsetReports;
  readonly #signal: AbortSignal;
  #retrying = false;

  constructor(
    options: Pick<GroupWatchOptions, 'send' | 'clock'>,
    reports: OffsetReports,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#reports = reports;
    this.#signal = signal;
  }

  /** Whether everything was taken. */
  flush(): boolean {
    while (this.#reports.ready && !this.#retrying) {
      const offsets = this.#reports.next(OFFSETS_PER_REPORT_MAX);
      if (this.#options.send(offsets)) continue;
      this.#reports.giveBack(offsets);
      this.#retrying = true;
      const retry = (): void => {
        this.#retrying = false;
        this.flush();
      };
      void this.#options.clock.sleep(REPORT_RETRY_MS, this.#signal).then(retry, () => undefined);
    }
    return !this.#retrying;
  }
}
