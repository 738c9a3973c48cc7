import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../../../kafka/client/index.js';

describe('parseAddress', () => {
  it('reads host and port', () => {
    assert.deepEqual(parseAddress(' broker-1.example:9092 '), {
      host: 'broker-1.example',
      port: 9092,
    });
    assert.deepEqual(parseAddress('[::1]:9092'), { host: '::1', port: 9092 });
    assert.deepEqual(parseAddress('SASL_SSL://b:9093'), { host: 'b', port: 9093 });
  });

  it('refuses what is not host:port', () => {
    for (const text of ['', 'broker', 'broker:', ':9092', 'broker:0', 'broker:65536', '::1:9092']) {
      assert.equal(parseAddress(text), undefined, text);
    }
  });

  it('is the inverse of formatAddress', () => {
    for (const text of ['b:9092', '[::1]:9092']) {
      const address = parseAddress(text);
      assert(address !== undefined);
      assert.equal(formatAddress(address), text);
    }
  });
});
