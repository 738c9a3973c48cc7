import { MirrorError } from '../common/errors.js';

/** `source->target`: the name of a replication flow, in files, keys and messages alike. */
export type FlowId = `${string}->${string}`;

export interface FlowSides {
  readonly source: string;
  readonly target: string;
}

/**
 * An alias goes into topic names, store keys and file names. Kafka refuses topic names beyond 249
 * characters, and the longest affix, `mm2-offset-syncs.` and `.internal`, takes 26 of them.
 */
export const ALIAS_LENGTH_MAX = 100;

/** What Kafka allows in the name of a topic. */
const ALIAS = /^[a-zA-Z0-9._-]+$/;

/** Thrown for a flow or an alias that is not well formed. */
export class FlowSyntaxError extends MirrorError {
  readonly code = 'MIRROR_FLOW_SYNTAX';
  readonly retriable = false;

  constructor(reason: string) {
    super(reason);
  }
}

/** Why a text cannot be the alias of a cluster, or null if it can. */
export function aliasFault(alias: string): string | null {
  if (alias === '') return 'an alias must not be empty';
  if (alias.length > ALIAS_LENGTH_MAX) {
    return `an alias must not be longer than ${ALIAS_LENGTH_MAX} characters`;
  }
  if (!ALIAS.test(alias)) return 'an alias may have letters, digits, `.`, `_` and `-` only';
  if (alias === '.' || alias === '..') return 'an alias must not be `.` or `..`';
  return null;
}

export function formatFlowId(source: string, target: string): FlowId {
  return `${source}->${target}`;
}

/** Ends the name of the copy that a failback makes. No alias can hold it. */
export const FAILBACK_SUFFIX = '~failback';

/** Reads `us-east->us-west`, or `us-east:us-west`, which needs no quotes in a shell. */
export function parseFlowId(text: string): FlowId {
  const suffix = text.endsWith(FAILBACK_SUFFIX) ? FAILBACK_SUFFIX : '';
  const { source, target } = parseFlowSides(text.slice(0, text.length - suffix.length));
  return `${formatFlowId(source, target)}${suffix}`;
}

/** As parseFlowId, in two parts. Neither `>` nor `:` can be part of an alias. */
export function parseFlowSides(text: string): FlowSides {
  const separator = text.includes('->') ? '->' : ':';
  const parts = text.split(separator).map((part) => part.trim());
  const [source, target] = parts;
  if (parts.length !== 2 || source === undefined || target === undefined) {
    throw new FlowSyntaxError('a flow is written source->target or source:target');
  }
  for (const alias of [source, target]) {
    const fault = aliasFault(alias);
    if (fault !== null) throw new FlowSyntaxError(`not a flow: ${fault}`);
  }
  if (source === target) throw new FlowSyntaxError('a flow needs two different clusters');
  return { source, target };
}
