import type { Logger } from '../../common/log.js';
import type { CoordinationCore } from '../core/coordination-core.js';
import { holds } from '../core/state.js';
import type { LeaseRef } from '../core/events.js';

/** Kinds of things that are wrong with what an agent says; each is kept once, with the last case. */
export type AgentProblemKind =
  'id-taken' | 'unknown-clusters' | 'gave-up' | 'foreign-lease' | 'protocol' | 'unreachable';

/** Said with the hello, and true until the next one. */
const LASTING: ReadonlySet<AgentProblemKind> = new Set(['unknown-clusters', 'protocol']);

/** Any other that was not noted again for this long is over. */
const SHOWN_MS = 10 * 60_000;

/** The same kind is logged at most this often for an agent: a broken one must not fill the disk. */
const LOG_INTERVAL_MS = 60_000;

interface NotedProblem {
  message: string;
  atMs: number;
  loggedAtMs: number;
}

/** What is wrong with what one agent says, for the log and for `mirrorctl agents`. */
export class AgentProblems {
  readonly #log: Logger;
  readonly #noted = new Map<AgentProblemKind, NotedProblem>();

  /** `log` names the agent. */
  constructor(log: Logger) {
    this.#log = log;
  }

  note(kind: AgentProblemKind, message: string, nowMs: number): void {
    const before = this.#noted.get(kind);
    const isDue = before === undefined || nowMs - before.loggedAtMs >= LOG_INTERVAL_MS;
    if (isDue) this.#log.warn({ problem: kind }, message);
    const loggedAtMs = isDue ? nowMs : before.loggedAtMs;
    this.#noted.set(kind, { message, atMs: nowMs, loggedAtMs });
  }

  newestFirst(nowMs: number): string[] {
    return [...this.#noted]
      .filter(([kind, { atMs }]) => LASTING.has(kind) || nowMs - atMs < SHOWN_MS)
      .sort(([, a], [, b]) => b.atMs - a.atMs)
      .map(([, { message }]) => message);
  }
}

/**
 * Whether an agent gives back what it was given and nobody asked for. A lease that has gone to another
 * meanwhile, or was granted to it anew, says nothing about what it can do. Ask before the core is told.
 */
export function isGivenUp(
  core: CoordinationCore,
  sessionId: string,
  { item, leaseEpoch }: LeaseRef,
): boolean {
  const entry = core.state.items.get(item);
  return entry?.state === 'held' && holds(entry, sessionId, leaseEpoch);
}

/** What an agent gave up unasked, though it holds it: it cannot do what it was given. */
export function noteGivenUp(
  problems: AgentProblems,
  { item, reason }: LeaseRef & { readonly reason: string },
  nowMs: number,
): void {
  if (reason !== 'draining') problems.note('gave-up', `gave up ${item}: ${reason}`, nowMs);
}
