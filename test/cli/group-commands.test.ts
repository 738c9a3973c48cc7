import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { GroupList, TranslateResult } from '../../proto/gen/mirror/v1/operator.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { serveOperator } from './operator-server.js';

const place = { topic: 'orders', targetTopic: 'east.orders' };
const exact = { ...place, partition: 0, sourceOffset: 1_500n, targetOffset: 1_490n };
const FORWARD = TranslateResult.fromPartial({
  offsets: [
    { ...exact, earlierByMax: 0n, sourceLag: 3n, targetLag: 2n },
    { ...exact, partition: 1, earlierByMax: 12n, note: '12 offsets ahead of what is copied' },
    { ...place, partition: 2, sourceOffset: 7n, note: 'the offset map knows nothing' },
  ],
});

describe('the commands about groups', () => {
  let address: string;
  let close: () => void;

  before(async () => {
    ({ address, close } = await serveOperator({
      translate: ({ request }, answer) => {
        const offsets = request.reverse ? FORWARD.offsets.slice(0, 2) : FORWARD.offsets;
        answer(null, { offsets });
      },
      listGroups: (_, answer) => {
        const group = { flow: 'east->west', group: 'payments', partitions: 3, sourceLag: 9n };
        const rest = { unknownPartitions: 1, targetState: 'Stable', sync: 'active' };
        answer(null, GroupList.fromPartial({ groups: [{ ...group, ...rest }] }));
      },
    }));
  });

  after(() => close());

  const mirrorctl = (...args: string[]) => runMirrorctl(['--coordinator', address, ...args]);

  it('says of each partition how exact its translation is, and exits 3 if one is unknown', async () => {
    const { code, out } = await mirrorctl('translate', 'east:west', '--group', 'payments');
    assert.equal(code, 3);
    assert.match(out, /^orders +east\.orders +0 +1,500 +1,490 +exact +3 +2$/m);
    assert.match(out, /^orders +east\.orders +1 +1,500 +1,490 +earlier by at most 12 +- +-$/m);
    assert.match(out, /^orders +east\.orders +2 +7 +- +unknown/m);
    assert.match(out, /! orders-2: the offset map knows nothing/);
  });

  it('prints the same as JSON, with numbers', async () => {
    const args = ['--json', 'translate', 'east:west', '--group', 'payments', '--reverse'];
    const { code, out } = await mirrorctl(...args);
    const document = JSON.parse(out) as Record<string, unknown> & { offsets: object[] };
    assert.deepEqual({ ...document, offsets: document.offsets.length, code }, {
      ...{ flow: 'east->west', group: 'payments', reverse: true, offsets: 2, code: 0 },
    }); // prettier-ignore
    assert.deepEqual(document.offsets[0], {
      ...{ ...exact, sourceOffset: 1_500, targetOffset: 1_490 },
      ...{ earlierByMax: 0, sourceLag: 3, targetLag: 2, note: '' },
    });
  });

  it('sums groups up, with a dash for what is unknown', async () => {
    const { code, out } = await mirrorctl('groups');
    assert.equal(code, 0);
    assert.match(out, /^east->west +payments +3 +1 +9 +- +stable +active$/m);
  });

  it('wants a group to be named', async () => {
    const { code, err } = await mirrorctl('translate', 'east:west');
    assert.equal(code, 2);
    assert.match(err, /--group/);
  });
});
