import {
  SteeringAct as WireAct,
  type DrainAgentRequest,
  type DrainAgentResult,
  type SteeringRule as WireRule,
  type SteerRequest as WireSteerRequest,
  type SteerResult,
} from '../../proto/gen/mirror/v1/operator.js';
import { parseFlowId } from '../../mirror/flow.js';
import type { SteeringAct, SteeringRule } from '../core/steering-rules.js';
import { ProtocolViolationError } from '../service/errors.js';
import type { DrainOutcome, SteerOutcome } from '../service/steering-acts.js';
import type { DrainRequest, SteerRequest } from '../service/steering.js';

/** Topics that one request may name: people give a few. */
const PATTERNS_PER_RULE_MAX = 100;

const WIRE_ACTS: Readonly<Record<SteeringAct, WireAct>> = {
  pause: WireAct.PAUSE,
  resume: WireAct.RESUME,
  exclude: WireAct.EXCLUDE,
  include: WireAct.INCLUDE,
};

export function readSteer({ flow, act, topics, operator }: WireSteerRequest): SteerRequest {
  const known = (Object.keys(WIRE_ACTS) as SteeringAct[]).find((name) => WIRE_ACTS[name] === act);
  if (known === undefined) throw new ProtocolViolationError('an act of a kind not known here');
  if (topics.length > PATTERNS_PER_RULE_MAX)
    throw new ProtocolViolationError(`more than ${PATTERNS_PER_RULE_MAX} patterns in one request`);
  return { flow: parseFlowId(flow), act: known, topics, operator };
}

export function readDrain({ agentId, undo, operator }: DrainAgentRequest): DrainRequest {
  return { agentId, undo, operator };
}

export function writeRule({ act, topics, operator, atMs }: SteeringRule): WireRule {
  return { act: WIRE_ACTS[act], topics: [...topics], operator, atMs: BigInt(atMs) };
}

export function writeSteered({ changed, topics, held, rules }: SteerOutcome): SteerResult {
  return {
    changed,
    topics: [...topics],
    held: Object.fromEntries(held),
    steering: rules.map(writeRule),
  };
}

export function writeDrained({ changed, items, stuckFlows }: DrainOutcome): DrainAgentResult {
  return { changed, items, stuckFlows: [...stuckFlows] };
}
