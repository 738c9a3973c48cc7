import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { CoordinationCore } from '../core/coordination-core.js';
import type { CoreEvent } from '../core/events.js';
import { LeadershipLostError, SessionExpiredError } from '../store/errors.js';
import type { Leadership } from '../store/lease-store.js';
import { AGENT_PROTOCOL, AGENT_PROTOCOL_MIN } from '../../mirror/agent-protocol.js';
import { AgentProblems } from './agent-problems.js';
import {
  AgentIdTakenError,
  AgentTooOldError,
  SessionEndedError,
  StreamReplacedError,
} from './errors.js';
import { RefusedAgents } from './refused-agents.js';
import type { Standing } from './meter-columns.js';
import type {
  AgentHello,
  AgentLink,
  AgentSays,
  CoordinatorSays,
  MissingRight,
} from './messages.js';

/**
 * A heartbeat goes on to the store unless the last one did so less than this part of the time to
 * live ago. Agents send one each third, so this lets all of them through but a flood.
 */
export const RENEWAL_INTERVAL_FRACTION = 1 / 4;

/**
 * How long the store keeps a session that is not renewed, in times to live. The leader ends it after
 * one; the store only where there is no leader to, and not before one that stood still, or the next
 * one, has heard from the agent: the age of the last renewal, 1/3, the leader's own term, 9/10, and
 * a way there and back.
 */
export const STORE_SESSION_TTLS = 1.4;

/** What a session's stream said about its agent, and how its renewal stands. */
export interface AgentSession {
  readonly sessionId: string;
  readonly agentId: string;
  readonly site: string;
  readonly clusters: readonly string[];
  readonly version: string;
  readonly protocol: number;
  readonly problems: AgentProblems;
  readonly siteTaskKinds: readonly string[];
  /** Undefined while the stream is broken. */
  link: AgentLink | undefined;
  heardAtMs: number;
  bufferedBytes: bigint;
  /** Flows whose bandwidth limit held it back before its last heartbeat. */
  limited: ReadonlySet<string>;
  /** As its last heartbeat said. */
  missingRights: readonly MissingRight[];
  /** Its share of each limited flow, in bytes per second, as it was told. */
  readonly shares: Map<string, number>;
  /** Of each flow: what goes for all of its partitions that stand. */
  readonly standing: Map<string, Standing>;
  /** When the last heartbeat that the store was told of came; −∞ before the first. */
  renewedAtMs: number;
  renewing: boolean;
  /** The newest heartbeat that waits for the one in flight. */
  waitingSequence: bigint | undefined;
}

export interface AgentDirectoryOptions {
  readonly leadership: Leadership;
  readonly core: CoordinationCore;
  readonly leaseTtlMs: number;
  readonly properties: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly emit: (event: CoreEvent) => void;
  /** Aliases of the clusters of all enabled flows. */
  readonly clusters: () => ReadonlySet<string>;
}

/** Who is connected: sessions, their streams, and their renewals in the store. */
export class AgentDirectory {
  readonly sessions = new Map<string, AgentSession>();
  readonly refused: RefusedAgents;
  readonly #options: AgentDirectoryOptions;
  /** Agent ids between hello and welcome: a second one at that moment is refused. */
  readonly #arriving = new Set<string>();
  #properties: ReadonlyMap<string, string>;
  #closed = false;

  constructor(options: AgentDirectoryOptions) {
    this.#options = options;
    this.#properties = options.properties;
    this.refused = new RefusedAgents(options);
  }

  /** What agents are told from now on, those that are connected at once. */
  configure(properties: ReadonlyMap<string, string>): void {
    this.#properties = properties;
    for (const { link } of this.sessions.values())
      link?.send({ kind: 'configuration', properties });
  }

  /** Resolves once the welcome is sent and the core knows of the agent. */
  async connect(hello: AgentHello, link: AgentLink): Promise<AgentSession> {
    const { agentId } = hello;
    const present = this.#connected(agentId);
    const resumed = present !== undefined && present.sessionId === hello.sessionId;
    if (hello.protocol < AGENT_PROTOCOL_MIN)
      throw new AgentTooOldError(agentId, hello.protocol, AGENT_PROTOCOL_MIN);
    if (this.#arriving.has(agentId))
      throw new AgentIdTakenError(agentId, 'another stream', link.peer);
    if (present?.link !== undefined && !resumed) {
      const other = `${link.peer}, ${sessionName(hello)}`;
      const message = `another agent with this id was refused, from ${other}: give each its own agent.id`;
      present.problems.note('id-taken', message, this.#options.clock.nowMs());
      throw new AgentIdTakenError(agentId, named(present), other);
    }

    this.#arriving.add(agentId);
    try {
      const sessionId = await this.#resumeOrOpen(hello);
      // The newer stream of a session wins: the older one may be half open for minutes.
      present?.link?.end(new StreamReplacedError(present.sessionId));
      return this.#welcome(hello, { sessionId, link });
    } finally {
      this.#arriving.delete(agentId);
    }
  }

  /** An agent that is told to come again, as its leases are taken in: it shall still have them then. */
  waiting({ agentId, sessionId }: AgentHello): void {
    const { core, leadership, log } = this.#options;
    if (core.liveSession(sessionId, agentId) === undefined) return;
    leadership.keepSessionAlive(sessionId).catch((error: unknown) => {
      log.info({ agentId, sessionId, error: describeError(error) }, 'renewal failed');
    });
  }

  disconnected(session: AgentSession, link: AgentLink): void {
    // An old stream of a session that goes on with a new one.
    if (session.link !== link) return;
    session.link = undefined;
    const { agentId, sessionId } = session;
    this.#options.log.info({ agentId, sessionId, peer: link.peer }, 'agent disconnected');
    if (!this.#closed) this.#options.emit({ kind: 'agent-disconnected', sessionId });
  }

  heartbeat(session: AgentSession, said: Extract<AgentSays, { kind: 'heartbeat' }>): void {
    const { clock, emit } = this.#options;
    session.heardAtMs = clock.nowMs();
    session.bufferedBytes = said.bufferedBytes;
    session.limited = new Set(said.limitedFlows);
    session.missingRights = said.missingRights;
    emit({ kind: 'agent-heartbeat', sessionId: session.sessionId });
    session.waitingSequence = said.sequence;
    void this.#renew(session);
  }

  send(sessionId: string, message: CoordinatorSays): void {
    this.sessions.get(sessionId)?.link?.send(message);
  }

  /** The session is over in the store, or is about to be. */
  end(sessionId: string, reason: string): void {
    const session = this.sessions.get(sessionId);
    if (session === undefined) return;
    this.sessions.delete(sessionId);
    this.#options.log.warn({ agentId: session.agentId, sessionId, reason }, 'session ended');
    const { link } = session;
    session.link = undefined;
    link?.end(new SessionEndedError(sessionId, reason));
  }

  /** Ends every stream; the sessions live on in the store for the next leader. */
  close(reason: Error): void {
    this.#closed = true;
    for (const session of this.sessions.values()) {
      const { link } = session;
      session.link = undefined;
      link?.end(reason);
    }
  }

  #connected(agentId: string): AgentSession | undefined {
    for (const session of this.sessions.values())
      if (session.agentId === agentId && session.link !== undefined) return session;
    return undefined;
  }

  async #resumeOrOpen(hello: AgentHello): Promise<string> {
    const { core, leadership, leaseTtlMs } = this.#options;
    const { agentId, sessionId } = hello;
    if (core.liveSession(sessionId, agentId) !== undefined) {
      try {
        await leadership.keepSessionAlive(sessionId);
        return sessionId;
      } catch (error) {
        if (!(error instanceof SessionExpiredError)) throw error;
        this.#gone(sessionId, 'it expired before the agent came back');
      }
    }
    return leadership.openSession(agentId, leaseTtlMs * STORE_SESSION_TTLS);
  }

  #welcome(hello: AgentHello, to: { sessionId: string; link: AgentLink }): AgentSession {
    const { clock, leaseTtlMs, leadership, emit, log } = this.#options;
    const properties = this.#properties;
    const { sessionId, link } = to;
    const { agentId, site, clusters, version, protocol, held, siteTaskKinds } = hello;
    const nowMs = clock.nowMs();
    const renewal = { renewedAtMs: Number.NEGATIVE_INFINITY, renewing: false };
    const session: AgentSession = {
      ...{ sessionId, agentId, site, clusters, version, siteTaskKinds, link, heardAtMs: nowMs },
      ...{ bufferedBytes: 0n, limited: new Set<string>(), shares: new Map<string, number>() },
      ...{ ...renewal, waitingSequence: undefined, protocol },
      ...{ standing: new Map<string, Standing>(), missingRights: [] },
      problems: new AgentProblems(log.child({ agentId, sessionId })),
    };
    this.#judge(session, nowMs);
    this.sessions.set(sessionId, session);
    log.info({ agentId, sessionId, site, clusters, version, peer: link.peer }, 'agent connected');
    link.send({ kind: 'welcome', sessionId, leaseTtlMs, term: leadership.term, properties });
    emit({ kind: 'agent-joined', sessionId, agentId, clusters, site, held });
    return session;
  }

  /** What can be said of a hello without refusing it. */
  #judge({ clusters, protocol, problems }: AgentSession, nowMs: number): void {
    const known = this.#options.clusters();
    const unknown = clusters.filter((alias) => !known.has(alias));
    if (unknown.length > 0) {
      const message = `agent.clusters names ${unknown.join(', ')}, which no enabled flow has`;
      problems.note('unknown-clusters', message, nowMs);
    }
    if (protocol > AGENT_PROTOCOL) {
      const message = `it speaks version ${protocol} of the protocol, this coordinator ${AGENT_PROTOCOL}: what it does not know is ignored`;
      problems.note('protocol', message, nowMs);
    }
  }

  /** One renewal at a time; an acknowledgement is only sent after the store's answer. */
  async #renew(session: AgentSession): Promise<void> {
    const { clock, leaseTtlMs, leadership, log } = this.#options;
    const sequence = session.waitingSequence;
    if (session.renewing || sequence === undefined) return;
    const nowMs = clock.nowMs();
    // Too early: it is acknowledged together with the next one.
    if (nowMs - session.renewedAtMs < leaseTtlMs * RENEWAL_INTERVAL_FRACTION) return;
    session.renewing = true;
    session.waitingSequence = undefined;
    try {
      await leadership.keepSessionAlive(session.sessionId);
      session.renewedAtMs = nowMs;
      session.link?.send({ kind: 'heartbeat-ack', sequence });
    } catch (error) {
      const { agentId, sessionId } = session;
      if (error instanceof SessionExpiredError) this.#gone(sessionId, 'it expired in the store');
      else if (!(error instanceof LeadershipLostError))
        // Not acknowledged: the agent's own deadline goes on, and its next heartbeat tries again.
        log.warn({ agentId, sessionId, error: describeError(error) }, 'renewal failed');
    } finally {
      session.renewing = false;
    }
  }

  #gone(sessionId: string, reason: string): void {
    this.#options.emit({ kind: 'session-gone', sessionId });
    this.end(sessionId, reason);
  }
}

function named(session: AgentSession): string {
  return `${session.link?.peer ?? 'nowhere'}, session ${session.sessionId}`;
}

function sessionName(hello: AgentHello): string {
  return hello.sessionId === '' ? 'a new session' : `session ${hello.sessionId}`;
}
