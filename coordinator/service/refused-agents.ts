import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';

/** Agents remembered; the one that was refused longest ago is forgotten first. */
const REFUSED_AGENTS_MAX = 100;

/** One that has not come again for this long has given up, or does well. */
const REMEMBERED_MS = 10 * 60_000;

/** The same agent is logged at most this often: a broken one must not fill the disk. */
const LOG_INTERVAL_MS = 60_000;

/** The stream of an agent that was refused, or ended for what it said. */
export interface Refusal {
  /** As it calls itself; empty if it did not come to that. */
  readonly agentId: string;
  /** Where it calls from. */
  readonly peer: string;
  readonly reason: string;
}

export interface RefusedAgent extends Refusal {
  readonly times: number;
  /** Monotonic, of the last time. */
  readonly atMs: number;
}

/** Who was refused of late: an agent without a session has no other place to be named. */
export class RefusedAgents {
  readonly #clock: Clock;
  readonly #log: Logger;
  /** By agent id, or by host where there is none; the one refused last comes last. */
  readonly #refused = new Map<string, RefusedAgent & { readonly loggedAtMs: number }>();

  constructor({ clock, log }: { clock: Clock; log: Logger }) {
    this.#clock = clock;
    this.#log = log;
  }

  note(refusal: Refusal): void {
    const { agentId, peer, reason } = refusal;
    const key = agentId === '' ? `at ${peer.replace(/:\d+$/, '')}` : agentId;
    const before = this.#refused.get(key);
    const atMs = this.#clock.nowMs();
    const isDue = before === undefined || atMs - before.loggedAtMs >= LOG_INTERVAL_MS;
    if (isDue) this.#log.warn({ agentId, peer, reason }, 'agent refused');
    const loggedAtMs = isDue ? atMs : before.loggedAtMs;
    this.#refused.delete(key);
    this.#refused.set(key, { ...refusal, times: (before?.times ?? 0) + 1, atMs, loggedAtMs });
    if (this.#refused.size <= REFUSED_AGENTS_MAX) return;
    for (const oldest of this.#refused.keys()) {
      this.#refused.delete(oldest);
      return;
    }
  }

  /** The one refused last comes first. */
  get list(): RefusedAgent[] {
    const since = this.#clock.nowMs() - REMEMBERED_MS;
    return [...this.#refused.values()].filter(({ atMs }) => atMs >= since).reverse();
  }
}
