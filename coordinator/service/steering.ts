import type { Clock } from '../../common/clock.js';
import { PatternError } from '../../mirror/policy/name-filter.js';
import type { CoreEvent } from '../core/events.js';
import {
  STEERING_RULES_MAX,
  TopicSteering,
  withRule,
  type SteeringAct,
  type SteeringRule,
} from '../core/steering-rules.js';
import type { Leadership } from '../store/lease-store.js';
import { ProtocolViolationError } from './errors.js';

export interface SteerRequest {
  readonly flow: string;
  readonly act: SteeringAct;
  /** Regular expressions on whole topic names; empty for all topics. */
  readonly topics: readonly string[];
  readonly operator: string;
}

export interface DrainRequest {
  readonly agentId: string;
  readonly undo: boolean;
  readonly operator: string;
}

/** An agent that an operator drains. */
export interface DrainRecord {
  readonly operator: string;
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
}

export interface SteeringOptions {
  readonly documents: Pick<Leadership, 'list' | 'put' | 'delete'>;
  readonly clock: Clock;
  readonly emit: (event: CoreEvent) => void;
}

const FLOW_PREFIX = 'steering/flow/';
const AGENT_PREFIX = 'steering/agent/';
const VERSION = 1;

/**
 * What operators want of flows and agents, as the store keeps it: it holds for every later leader
 * until it is undone. Written first and done then, so that what was answered is never lost.
 */
export class Steering {
  readonly #options: SteeringOptions;
  readonly #rules = new Map<string, readonly SteeringRule[]>();
  readonly #drained = new Map<string, DrainRecord>();
  /** Acts take turns: each is made on what the one before left. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SteeringOptions) {
    this.#options = options;
  }

  /** Reads what earlier leaders left. A document of a newer version is kept, and not heeded. */
  async load(): Promise<void> {
    const { documents } = this.#options;
    for (const { key, value } of await documents.list(FLOW_PREFIX)) {
      const { version, rules } = JSON.parse(value) as { version: number; rules: SteeringRule[] };
      if (version === VERSION) this.#rules.set(key.slice(FLOW_PREFIX.length), rules);
    }
    for (const { key, value } of await documents.list(AGENT_PREFIX)) {
      const { version, ...record } = JSON.parse(value) as DrainRecord & { version: number };
      if (version === VERSION) this.#drained.set(key.slice(AGENT_PREFIX.length), record);
    }
  }

  get drained(): ReadonlyMap<string, DrainRecord> {
    return this.#drained;
  }

  rulesOf(flow: string): readonly SteeringRule[] {
    return this.#rules.get(flow) ?? [];
  }

  /** Tells the core of a flow that it has just learnt of. */
  applyTo(flow: string): void {
    const rules = this.rulesOf(flow);
    if (rules.length > 0) this.#options.emit({ kind: 'flow-steered', flow, rules });
  }

  applyDrains(): void {
    this.#options.emit({ kind: 'agents-drained', agentIds: [...this.#drained.keys()] });
  }

  /** Whether it changed anything. Throws ProtocolViolationError for a pattern that is none. */
  steer({ flow, act, topics, operator }: SteerRequest): Promise<boolean> {
    return this.#inTurn(async () => {
      const atMs = this.#options.clock.wallMs();
      const before = this.rulesOf(flow);
      const rules = withRule(before, { act, topics: [...topics], operator, atMs });
      checkRules(rules);
      if (rules === before) return false;
      const { documents, emit } = this.#options;
      const key = FLOW_PREFIX + flow;
      if (rules.length === 0) await documents.delete(key);
      else await documents.put(key, JSON.stringify({ version: VERSION, rules }));
      this.#rules.set(flow, rules);
      emit({ kind: 'flow-steered', flow, rules });
      return true;
    });
  }

  /** Whether it changed anything. */
  drain({ agentId, undo, operator }: DrainRequest): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#drained.has(agentId) !== undo) return false;
      const { documents, clock } = this.#options;
      const key = AGENT_PREFIX + agentId;
      const record = { operator, atMs: clock.wallMs() };
      if (undo) await documents.delete(key);
      else await documents.put(key, JSON.stringify({ version: VERSION, ...record }));
      if (undo) this.#drained.delete(agentId);
      else this.#drained.set(agentId, record);
      this.applyDrains();
      return true;
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act, act);
    this.#turn = done.catch(() => {}); // whoever asked is told; the next act does not depend on it
    return done;
  }
}

function checkRules(rules: readonly SteeringRule[]): void {
  if (rules.length > STEERING_RULES_MAX) {
    throw new ProtocolViolationError(
      `a flow keeps ${STEERING_RULES_MAX} rules at most; undo some, or resume without --topics`,
    );
  }
  try {
    new TopicSteering(rules);
  } catch (cause) {
    if (!(cause instanceof PatternError)) throw cause;
    throw new ProtocolViolationError(cause.message, { cause });
  }
}
