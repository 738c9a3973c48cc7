import { ConfigError, type Problem } from '../../../common/config/problems.js';
import type { FlowConfig, MirrorConfig } from '../../../mirror/config/mirror-config.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';

/** Two clusters with bootstrap servers, and nothing enabled. */
export const TWO_CLUSTERS = [
  'clusters = east, west',
  'east.bootstrap.servers = e:9092',
  'west.bootstrap.servers = w:9092',
].join('\n');

/** The same with one flow enabled. */
export const ONE_FLOW = `${TWO_CLUSTERS}\neast->west.enabled = true`;

export function load(...lines: string[]): MirrorConfig {
  return loadMirrorConfig({ path: 'f', text: lines.join('\n'), requireSourceBootstrap: true });
}

/** The flow east->west of ONE_FLOW with more lines. */
export function flowOf(...lines: string[]): FlowConfig {
  const flow = load(ONE_FLOW, ...lines).flows[0];
  if (flow === undefined) throw new TypeError('no flow');
  return flow;
}

/** The problems of a load, whether it succeeds or not. */
export function problemsOf(...lines: string[]): readonly Problem[] {
  try {
    return load(...lines).warnings;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** `error 5 message`, for short comparisons. */
export function brief(problems: readonly Problem[]): string[] {
  return problems.map(({ severity, line, message }) => `${severity} ${line} ${message}`);
}
