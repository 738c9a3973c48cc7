import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, type Problem } from '../../../common/config/problems.js';
import { CLIENT_KEYS } from '../../../mirror/config/client-keys.js';
import { CONNECT_KEYS } from '../../../mirror/config/connect-keys.js';
import { FLOW_OPTIONS } from '../../../mirror/config/flow-options.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { COORDINATOR_OPTIONS } from '../../../mirror/config/service-options.js';
import { ONE_FLOW } from './load.js';

const ENV_PROVIDER = [
  'config.providers = env',
  'config.providers.env.class = org.apache.kafka.common.config.provider.EnvVarConfigProvider',
];

/** What options of all types refuse or complain about. */
const VALUES = [
  'hush(',
  'hush hush',
  'hush, hush (x',
  '7hush',
  '\\hush',
  'x{1,hush',
  'hush\t=\u0000',
];

function problemsWith(key: string, value: string): readonly Problem[] {
  const text = [ONE_FLOW, ...ENV_PROVIDER, `${key} = \${env:SECRET}`].join('\n');
  try {
    return loadMirrorConfig({
      ...{ path: 'f', text, requireSourceBootstrap: true },
      resolveReference: () => value,
    }).warnings;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('a value that a configuration provider gave', () => {
  const kinds = {
    'all flows': Object.keys(FLOW_OPTIONS),
    'one flow': Object.keys(FLOW_OPTIONS).map((key) => `east->west.${key}`),
    'one cluster': [...CLIENT_KEYS].map((key) => `east.${key}`),
    'one role of a cluster': [...CLIENT_KEYS].map((key) => `east->west.consumer.${key}`),
    'the coordinator': Object.keys(COORDINATOR_OPTIONS),
    'Kafka Connect': CONNECT_KEYS,
    'what nobody knows': ['clusters', 'no.such.option', 'east->west.no.such.option'],
  };
  for (const [kind, keys] of Object.entries(kinds)) {
    it(`never appears in a problem with an option of ${kind}`, () => {
      const shown = keys.flatMap((key) =>
        VALUES.flatMap((value) => problemsWith(key, value).map((problem) => [key, problem])),
      );
      assert.ok(shown.length > 0);
      const telling = shown.filter((each) => JSON.stringify(each).includes('hush'));
      assert.deepEqual(telling, []);
    });
  }
});
