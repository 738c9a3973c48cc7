import type { TopicConfigChanges, TopicConfigEntry } from '../../kafka/admin/topic-admin.js';
import type { TopicConfigFacts } from './source-facts.js';

export interface ConfigDrift {
  /** What makes the target's topic as it should be; null goes back to the target's default. */
  readonly changes: TopicConfigChanges;
  /** Properties that this target does not know: a newer source has them. */
  readonly unknown: readonly string[];
}

/** What MM2's incremental sync would change: it sets every value, and deletes what is a default. */
export function configDrift(
  wanted: TopicConfigFacts,
  onTarget: readonly TopicConfigEntry[],
): ConfigDrift {
  const entries = new Map(onTarget.map((entry) => [entry.name, entry]));
  const changes: Record<string, string | null> = {};
  const unknown: string[] = [];
  for (const [name, value] of wanted.values) {
    const entry = entries.get(name);
    if (entry === undefined) unknown.push(name);
    else if (!entry.isOverride || entry.value !== value) changes[name] = value;
  }
  for (const { name, isOverride } of onTarget) {
    if (!isOverride || wanted.values.has(name) || wanted.kept.has(name)) continue;
    if (wanted.names.has(name)) changes[name] = null;
  }
  return { changes, unknown };
}
