import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { loadAgentConfig } from '../../../mirror/config/agent-config.js';
import { ConfigError } from '../../../common/config/problems.js';
import { brief, ONE_FLOW, problemsOf } from './load.js';

describe('values of clients', () => {
  const wrong: readonly [string, RegExp][] = [
    [
      'east.security.protocol = SSLL',
      /^error 5 `east\.security\.protocol` must be PLAINTEXT or SSL/,
    ],
    ['security.protocol =', /^error 5 `security\.protocol` must be PLAINTEXT or .* not ``/],
    [
      'west.producer.security.protocol = "SSL"',
      /^error 5 `west\.producer\.security\.protocol` must/,
    ],
    [
      'east.request.timeout.ms = 30s',
      /^error 5 `east\.request\.timeout\.ms` must be a whole number/,
    ],
    ['east.consumer.request.timeout.ms = 500', /^warning 5 .* no effect, because it is below 1000/],
    [
      'east.sasl.mechanism = SCRAM-SHA-265',
      /^warning 5 .* `SCRAM-SHA-265`, which is not supported/,
    ],
    ['sasl.mechanism = GSSAPI', /^warning 5 .* `GSSAPI`, which is not supported/],
  ];
  for (const [line, expected] of wrong) {
    it(`are judged: \`${line}\``, () => {
      const told = brief(problemsOf(ONE_FLOW, line));
      assert.equal(told.length, 1);
      assert.match(told[0] ?? '', expected);
    });
  }

  it('are not judged where they are references that nobody looked up', () => {
    assert.deepEqual(problemsOf(ONE_FLOW, 'security.protocol = ${vault:protocol}'), []);
  });

  it('are judged in the file of an agent', () => {
    const text = 'agent.coordinators=c:1\nagent.clusters=east\neast.security.protocol = SSLL';
    assert.throws(
      () => loadAgentConfig({ path: 'agent.properties', text, hostname: 'h' }),
      (error: unknown) =>
        error instanceof ConfigError &&
        /^agent\.properties:3: `east\.security\.protocol` must be/.test(error.message),
    );
  });

  it('have names that the file of an agent may misspell', () => {
    const text = 'agent.coordinators=c:1\nagent.clusters=my.east\nmy.east.securty.protocol = SSL';
    const { warnings } = loadAgentConfig({ path: 'f', text, hostname: 'h' });
    assert.equal(warnings[0]?.hint, 'did you mean `my.east.security.protocol`?');
  });
});
