import { ConfigError } from '../common/config/problems.js';
import { splitList } from '../common/config/values.js';
import type { MirrorConfig } from '../mirror/config/mirror-config.js';

/**
 * `--clusters B,C` of connect-mirror-maker.sh: this process serves only these targets. An alias that
 * the file does not name is an error, since nothing at all would run.
 */
export function onlyTargets(config: MirrorConfig, clusters: string): MirrorConfig {
  const targets = splitList(clusters);
  const unknown = targets.filter((alias) => !config.clusters.has(alias));
  if (unknown.length > 0 || targets.length === 0) {
    const known = [...config.clusters.keys()].join(', ');
    throw new ConfigError([
      {
        severity: 'error',
        file: '--clusters',
        line: 0,
        key: null,
        message: `${unknown.join(', ') || 'an empty list'} names no cluster of the file`,
        hint: `the file has ${known}`,
      },
    ]);
  }
  return { ...config, flows: config.flows.filter(({ target }) => targets.includes(target)) };
}
