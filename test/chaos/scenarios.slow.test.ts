import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { NAMESPACES_DENIED, unshareFlags } from './own-network.js';
import { runChaos } from './run-chaos.js';
import { SCENARIOS } from './scenarios.js';

const skip = unshareFlags() === undefined ? NAMESPACES_DENIED : false;

// Each on its own, with an expectation while the fault is on; the judge's verdict follows as ever.
describe('one fault in network namespaces', () => {
  for (const scenario of Object.keys(SCENARIOS)) {
    it(`goes on copying, and ends well: ${scenario}`, { skip }, async () => {
      const { code, output } = await runChaos(['--scenario', scenario]);
      assert.equal(code, 0, output);
    });
  }
});
