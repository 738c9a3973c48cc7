import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { notYetDone } from '../../../mirror/config/not-yet.js';

const TEXT = `
clusters = a, b
a.bootstrap.servers = a:9092
b.bootstrap.servers = b:9092
a->b.enabled = true
`;

function askedBy(text: string): string[] {
  const config = loadMirrorConfig({ path: 'mm2.properties', text, requireSourceBootstrap: true });
  return notYetDone(config.flows.find(({ id }) => id === 'a->b')!);
}

describe('what is asked for and not done yet', () => {
  it('names what is on by default', () => {
    assert.deepEqual(askedBy(TEXT), ['sync.topic.configs.enabled', 'sync.topic.acls.enabled']);
  });

  it('names what is turned off and done all the same', () => {
    const keys = ['refresh.topics.enabled'];
    const asked = askedBy(TEXT + keys.map((key) => `a->b.${key} = false\n`).join(''));
    assert.deepEqual(asked.slice(-1), keys);
  });

  it('leaves out what is turned off', () => {
    const off = ['sync.topic.configs', 'sync.topic.acls'];
    const text = TEXT + off.map((key) => `a->b.${key}.enabled = false\n`).join('');
    assert.deepEqual(askedBy(text), []);
  });
});
