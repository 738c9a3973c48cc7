import { ConfigError, ProblemCollector, type Problem } from '../../common/config/problems.js';
import { parseProperties, type Properties } from '../../common/config/properties.js';
import { loadAgentConfig, type AgentConfig } from './agent-config.js';
import {
  shownValue,
  type ExplainedValue,
  type Explanation,
  type ExplainOptions,
} from './explain.js';
import { isSecretKey } from './secrets.js';
import { AGENT_OPTIONS } from './service-options.js';

/** Whether a file is an agent's own: it has keys of an agent, and says nothing of flows. */
export function isAgentFile({ path, text }: Pick<ExplainOptions, 'path' | 'text'>): boolean {
  const keys = [...parseProperties({ path, text }, new ProblemCollector()).keys()];
  if (keys.includes('clusters')) return false;
  if (keys.includes('agent.coordinators')) return true;
  if (keys.some((key) => key.includes('->'))) return false;
  return keys.some((key) => key.startsWith('agent.'));
}

/** As `explainMirrorConfig`, for the file of an agent: it has no flows. */
export function explainAgentConfig(options: ExplainOptions): Explanation {
  let problems: readonly Problem[];
  let config: AgentConfig | undefined;
  try {
    config = loadAgentConfig({ ...options, hostname: '(the host name)', keepUnresolved: true });
    problems = config.warnings;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    ({ problems } = error);
  }
  const written = parseProperties(
    { ...options, isVerbatim: isSecretKey },
    new ProblemCollector(), // told above
  );
  const aliases = config?.clusters ?? [];
  const clusterOf = (key: string): string | undefined =>
    aliases.find((alias) => key.startsWith(`${alias}.`));
  const shared = [...written.keys()].filter(
    (key) => !Object.hasOwn(AGENT_OPTIONS, key) && clusterOf(key) === undefined,
  );
  return {
    flows: [],
    clusters: aliases.map((cluster) => ({
      cluster,
      options: [...written.keys()]
        .filter((key) => clusterOf(key) === cluster)
        .map((key) => ({
          ...explain(key, written),
          key: key.slice(cluster.length + 1),
          scope: 'cluster' as const,
        })),
    })),
    services: [...Object.keys(AGENT_OPTIONS), ...shared].map((key) => explain(key, written)),
    problems,
  };
}

function explain(key: string, written: Properties): ExplainedValue {
  const property = written.get(key);
  if (property === undefined) {
    const value = AGENT_OPTIONS[key]?.default ?? '';
    return { key, value, scope: 'default', from: null };
  }
  const { file, line } = property;
  return { key, value: shownValue(property), scope: 'file', from: { file, line, key } };
}
