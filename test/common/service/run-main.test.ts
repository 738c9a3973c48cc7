import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runMain } from '../../../common/service/run-main.js';

async function ran(...argv: string[]): Promise<unknown> {
  let seen: unknown;
  const codes: number[] = [];
  await runMain({
    ...{ name: 'mirror-maker', help: '', argv },
    ...{ valueOptions: ['clusters', 'other'], listOptions: ['clusters'], flagOptions: ['flag'] },
    exit: (code) => codes.push(code),
    run: (path, values) => {
      seen = [path, values];
      return Promise.resolve(0);
    },
  });
  return codes[0] === 0 ? seen : codes[0];
}

describe('runMain', () => {
  it('takes clusters as MirrorMaker 2 does, and with commas', async () => {
    assert.deepEqual(await ran('f', '--clusters', 'a', 'b'), ['f', { clusters: 'a,b' }]);
    assert.deepEqual(await ran('f', '--clusters=a', 'b'), ['f', { clusters: 'a,b' }]);
    assert.deepEqual(await ran('f', '--clusters', 'a,b'), ['f', { clusters: 'a,b' }]);
    assert.deepEqual(await ran('--clusters', 'a,b', 'f'), ['f', { clusters: 'a,b' }]);
    const both = ['f', { clusters: 'a,b', flag: 'true' }];
    assert.deepEqual(await ran('f', '--clusters', 'a', 'b', '--flag'), both);
  });

  it('refuses what is too much, too little or unknown', async () => {
    for (const argv of [
      ['f', 'g'],
      ['f', '--clusters', 'a', '--flag', 'g'],
      ['f', '--other', 'a', 'b'],
      ['f', '--clusters'],
      ['--clusters', 'a'],
      ['f', '--unknown'],
    ])
      assert.equal(await ran(...argv), 2, argv.join(' '));
  });
});
