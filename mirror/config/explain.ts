import { ProblemCollector, type Problem } from '../../common/config/problems.js';
import type { Property } from '../../common/config/properties.js';
import type { FlowId } from '../flow.js';
import { roleProperties } from './flow-config.js';
import { flowOptionKeys } from './flow-options.js';
import type { ScopedProperties } from './key-index.js';
import type { FlowConfig } from './mirror-config.js';
import { analyseMirrorConfig, type AnalysedConfig } from './mm2-config.js';
import { OptionReader } from './option-reader.js';
import { hasReference, referencesIn, type ResolveReference } from './references.js';
import { redact } from './secrets.js';

/** Where a value comes from: a key of one flow, of one cluster or of the whole file, or none. */
export type ValueScope = 'flow' | 'cluster' | 'file' | 'default';

export interface ExplainedValue {
  /** The option's own name, whatever the spelling in the file. */
  readonly key: string;

  /** As it may be shown: secrets are covered, and references stand for themselves. */
  readonly value: string;
  readonly scope: ValueScope;

  /** Null for a default. */
  readonly from: { readonly file: string; readonly line: number; readonly key: string } | null;
}

export interface ExplainedFlow {
  readonly flow: FlowId;
  readonly enabled: boolean;
  readonly options: readonly ExplainedValue[];

  /** By client: `source consumer`, `source admin`, `target producer`, `target admin`. */
  readonly clients: Readonly<Record<string, readonly ExplainedValue[]>>;
}

export interface ExplainedCluster {
  readonly cluster: string;
  readonly options: readonly ExplainedValue[];
}

export interface Explanation {
  readonly flows: readonly ExplainedFlow[];
  readonly clusters: readonly ExplainedCluster[];

  /** `coordinator.*` and `agent.*`, where the file has them. */
  readonly services: readonly ExplainedValue[];
  readonly problems: readonly Problem[];
}

export interface ExplainOptions {
  /** Shown in problems and sources; nothing is read from it. */
  readonly path: string;
  readonly text: string;
  readonly resolveReference: ResolveReference;
}

/** What a configuration comes to, value by value, with everything that is wrong with it. */
export function explainMirrorConfig(options: ExplainOptions): Explanation {
  const problems = new ProblemCollector();
  // With a coordinator, a source's servers may be known to its agents alone.
  const requireSourceBootstrap = !/^[ \t]*coordinator\.etcd\.endpoints/m.test(options.text);
  const analysed = analyseMirrorConfig(
    { ...options, requireSourceBootstrap, keepUnresolved: true },
    problems,
  );
  const reader = new OptionReader(analysed.index.global, new ProblemCollector());
  const { index, flows } = analysed;
  return {
    flows: flows.map((flow) => explainFlow(flow, analysed, reader)),
    clusters: [...analysed.clusters.keys()].map((cluster) => ({
      cluster,
      options: explainAll(index.byCluster.get(cluster) ?? new Map<string, Property>(), analysed),
    })),
    services: explainAll(
      new Map([...index.global].filter(([key]) => /^(coordinator|agent)\./.test(key))),
      analysed,
    ),
    problems: withoutFollowers(problems.all, analysed),
  };
}

function explainFlow(
  flow: FlowConfig,
  analysed: AnalysedConfig,
  reader: OptionReader,
): ExplainedFlow {
  const { index } = analysed;
  const own: ScopedProperties = index.byFlow.get(flow.id) ?? new Map<string, Property>();
  const client = (side: 'source' | 'target', role: 'consumer' | 'producer' | 'admin') =>
    explainAll(roleProperties(flow, side, { role, index }), analysed);
  return {
    flow: flow.id,
    enabled: flow.enabled,
    options: flowOptionKeys().map((key) => explainValue(key, reader.find(key, own), analysed)),
    clients: {
      'source consumer': client('source', 'consumer'),
      'source admin': client('source', 'admin'),
      'target producer': client('target', 'producer'),
      'target admin': client('target', 'admin'),
    },
  };
}

function explainAll(properties: ScopedProperties, analysed: AnalysedConfig): ExplainedValue[] {
  return [...properties].map(([key, property]) => explainValue(key, property, analysed));
}

function explainValue(key: string, property: Property, analysed: AnalysedConfig): ExplainedValue {
  if (property.line === 0) return { key, value: property.value, scope: 'default', from: null };
  const { file, line } = property;
  const from = { file, line, key: property.key };
  return { key, value: shownValue(property), scope: scopeOf(property, analysed), from };
}

/** A looked-up value may be a secret under any key, and a secret may be half reference, half text. */
export function shownValue({ key, value, reference }: Property): string {
  const text = reference ?? value;
  const shown = redact(key, text);
  const references = referencesIn(text);
  if (shown === text || references.length === 0) return shown;
  if (references.join('') === text.trim()) return text;
  return `${shown} with ${references.join(', ')}`;
}

function scopeOf({ key }: Property, { index, clusters }: AnalysedConfig): ValueScope {
  if (key.includes('->')) return 'flow';
  if (index.global.has(key)) return 'file';
  return [...clusters.keys()].some((alias) => key.startsWith(`${alias}.`)) ? 'cluster' : 'file';
}

/** A value that could not be looked up here cannot be judged: what follows from it is no problem. */
function withoutFollowers(
  problems: readonly Problem[],
  { written }: AnalysedConfig,
): readonly Problem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const { key, severity, line, message } = problem;
    const text = key === null ? undefined : written.get(key)?.value;
    if (severity === 'error' && text !== undefined && hasReference(text)) {
      const isUnresolved = problems.some(
        (each) =>
          each.key === key && each.severity === 'warning' && / refers to /.test(each.message),
      );
      if (isUnresolved) return false;
    }
    const name = `${line}|${message}`;
    return !seen.has(name) && seen.add(name) !== undefined;
  });
}
