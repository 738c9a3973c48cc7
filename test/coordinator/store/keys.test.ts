import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StoreKeys } from '../../../coordinator/store/keys.js';

describe('StoreKeys', () => {
  const keys = new StoreKeys('/mirror');

  it('puts everything below its prefix, with a slash', () => {
    assert.equal(keys.leader, '/mirror/leader');
    assert.equal(keys.session('7587'), '/mirror/session/7587');
    assert.equal(keys.lease('us-east->us-west'), '/mirror/lease/us-east-%3Eus-west');
    assert.equal(keys.document('promotion/1'), '/mirror/doc/promotion/1');
    assert.equal(new StoreKeys('/a/b//').leader, '/a/b/leader');
  });

  it('refuses a prefix that is none', () => {
    for (const prefix of ['', '/', 'mirror', '/with blank']) {
      assert.throws(() => new StoreKeys(prefix), { name: 'AssertionError' }, prefix);
    }
  });

  it('escapes any item into one printable path segment, and back', () => {
    const anyText = fc.string({ minLength: 1, unit: 'binary' });
    const property = fc.property(anyText, (item) => {
      const key = keys.lease(item);
      assert.match(key.slice(keys.leases.length), /^[A-Za-z0-9%._~-]+$/);
      assert.equal(keys.itemOf(key), item);
    });
    fc.assert(property);
  });

  it('escapes what a shell would not take as it is', () => {
    assert.equal(keys.lease(`!'()*`), '/mirror/lease/%21%27%28%29%2A');
  });

  it('refuses what is no session id', () => {
    for (const id of ['', '0', '-1', '1/2', '0x1f', '1 ']) {
      assert.throws(() => keys.session(id), { name: 'AssertionError' }, id);
    }
  });
});
