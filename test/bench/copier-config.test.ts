import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agentProperties, mm2Properties, targetTopicOf } from '../../bench/copier-config.js';
import { loadMirrorConfig } from '../../mirror/config/mm2-config.js';

const PLACE = {
  sourceAlias: 's1',
  targetAlias: 't1',
  sourceBootstrap: '127.0.0.1:1',
  targetBootstrap: '127.0.0.1:2',
  topic: 'bench-large',
};

describe('agentProperties', () => {
  it('is a configuration without a warning', () => {
    const text = agentProperties(PLACE);
    const path = 'mm2.properties';
    const config = loadMirrorConfig({ path, text, requireSourceBootstrap: true });
    assert.deepEqual(config.warnings, []);
    assert.equal(targetTopicOf(PLACE), 's1.bench-large');
  });
});

describe('mm2Properties', () => {
  const text = mm2Properties(PLACE, { codec: 'lz4', extra: { 'producer.linger.ms': '0' } });

  it("puts each client's settings under the cluster that the client speaks to", () => {
    assert.match(text, /^s1\.consumer\.max\.poll\.records = 5000$/m);
    assert.match(text, /^t1\.producer\.compression\.type = lz4$/m);
    assert.match(text, /^tasks\.max = 4$/m);
  });

  it('lets a workload override the tuning', () => {
    assert.match(text, /^t1\.producer\.linger\.ms = 0$/m);
    assert.doesNotMatch(text, /linger\.ms = 20/);
  });
});
