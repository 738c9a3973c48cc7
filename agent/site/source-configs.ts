import type { TopicConfigEntry } from '../../kafka/admin/topic-admin.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';

/** What a source topic's configuration means for its copy. */
export interface SourceConfigs {
  /** To be set on the target. */
  readonly values: ReadonlyMap<string, string>;
  /** To go to the target's default. */
  readonly defaults: readonly string[];
  /** To be left as they are on the target. */
  readonly kept: readonly string[];
}

export type ConfigRules = Pick<FlowConfig, 'configPropertiesExclude' | 'useDefaultsFrom'>;

/**
 * The rules of MM2's MirrorSourceConnector.targetConfig and its DefaultConfigPropertyFilter: what is
 * read-only, sensitive, excluded or from a source broker's properties file is not copied; what nobody
 * set goes to the target's default, or with `use.defaults.from=source` to the value of the source's.
 */
export function sourceConfigs(
  rules: ConfigRules,
  entries: readonly TopicConfigEntry[],
): SourceConfigs {
  const values = new Map<string, string>();
  const defaults: string[] = [];
  const kept: string[] = [];
  for (const entry of entries) {
    const { name, value, isDefault } = entry;
    if (value === null || !isCopied(rules, entry)) kept.push(name);
    else if (isDefault && rules.useDefaultsFrom === 'target') defaults.push(name);
    else values.set(name, value);
  }
  return { values, defaults, kept };
}

function isCopied(rules: ConfigRules, entry: TopicConfigEntry): boolean {
  if (entry.readOnly || entry.isSensitive || entry.isStaticBroker) return false;
  return !rules.configPropertiesExclude.matches(entry.name);
}
