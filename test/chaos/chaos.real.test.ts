import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { NAMESPACES_DENIED, unshareFlags } from './own-network.js';
import { runChaos } from './run-chaos.js';

const seed = process.env['TEST_SEED'] ?? String(Date.now() % 1_000_000);

// The only thing that skips it is a machine without network namespaces; `npm test` prints why.
const skip = unshareFlags() === undefined ? NAMESPACES_DENIED : false;

describe(`chaos for a short time (TEST_SEED=${seed})`, () => {
  it(
    'loses nothing, repeats nothing, and ends with one live holder of each partition',
    { skip },
    async () => {
      const { code, output } = await runChaos(['--seed', seed, '--minutes', '0.3']);
      assert.equal(code, 0, output);
      assert.match(output, /every partition has exactly one live holder/);
      assert.match(output, /^PASS: [1-9]\d* records compared/m);
    },
  );

  it('says what is wrong with its arguments, and how to ask', async () => {
    for (const args of [
      ['--seed', 'x'],
      ['--minutes', '0'],
      ['--etcd', '2'],
      ['--scenario', 'x'],
    ]) {
      const { code, output } = await runChaos(args);
      assert.equal(code, 2, output);
      assert.match(output, /^chaos: .*; try npm run chaos -- --help$/m);
    }
    assert.match((await runChaos(['--help'])).output, /--seed N .*\n[^]*leader-without-etcd/);
  });
});
