import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VerifyEvent } from '../../../proto/gen/mirror/v1/operator.js';
import { runMirrorctl } from '../../kit/run-mirrorctl.js';
import { serveOperator } from '../operator-server.js';

const place = { topic: 'orders', targetTopic: 'us-east.orders' };

async function verified(verdict: string, ...args: string[]) {
  const result = {
    ...{ flow: 'us-east->us-west', verdict, elapsedMs: 5n },
    partitions: [{ ...place, partition: 0, equalRecords: 10n, sourceNext: 10n, targetNext: 10n }],
    unproven: [{ ...place, partition: 1, reason: 'its offset map cannot be trusted: torn' }],
  };
  const { address, close } = await serveOperator({
    verify: (call) => {
      call.write(VerifyEvent.fromPartial({ event: { $case: 'result', value: result } }));
      call.end();
    },
  });
  const given = ['--coordinator', address, ...args, 'verify', 'us-east:us-west'];
  return runMirrorctl(given).finally(close);
}

describe('mirrorctl verify', () => {
  it('names what is not proven, and does not end well', async () => {
    const { code, out } = await verified('incomplete');
    assert.equal(code, 3);
    assert.match(out, /incomplete: 1 partition is not proven/);
    assert.match(out, /! orders-1 is not proven: its offset map cannot be trusted: torn/);
  });

  it('names it also where there is a difference, and with --json', async () => {
    const different = await verified('different');
    assert.equal(different.code, 1);
    assert.match(different.out, /! orders-1 is not proven/);
    const { code, out } = await verified('incomplete', '--json');
    const { verdict, unproven } = JSON.parse(out) as { verdict: string; unproven: unknown[] };
    assert.deepEqual([code, verdict, unproven.length], [3, 'incomplete', 1]);
  });
});
