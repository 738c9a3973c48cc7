import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ChaosUsageError, parseChaosOptions, reproduceCommand } from './chaos-options.js';

const parse = (...args: string[]) => parseChaosOptions(args, () => 77);

describe('parseChaosOptions', () => {
  it('draws a seed when none is told, and the command to do it again has it', () => {
    const options = parse('--minutes', '3');
    assert.ok(options);
    assert.equal(options.seed, 77);
    assert.equal(reproduceCommand(options), 'npm run chaos -- --seed 77 --minutes 3 --etcd 3');
  });

  it('reads what the command to do it again says', () => {
    for (const args of [
      ['--seed', '5', '--minutes', '0.3', '--etcd', '1', '--gap-ms', '900'],
      ['--scenario', 'leader-freezes'],
    ]) {
      const options = parse(...args);
      assert.ok(options);
      assert.equal(reproduceCommand(options), `npm run chaos -- ${args.join(' ')}`);
    }
  });

  it('refuses what it cannot do', () => {
    for (const args of [
      ['--seed', '1.5'],
      ['--seed', ''],
      ['--minutes', '-1'],
      ['--etcd', '2'],
      ['--gap-ms', '0'],
      ['--scenario', 'toString'],
      ['--sed', '1'],
    ])
      assert.throws(() => parse(...args), ChaosUsageError, args.join(' '));
  });
});
