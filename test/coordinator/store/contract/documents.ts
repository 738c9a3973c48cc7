import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RevisionConflictError, StoreRefusedError } from '../../../../coordinator/store/errors.js';
import { DOCUMENT_BYTES_MAX } from '../../../../coordinator/store/limits.js';
import type { ContractContext } from './contract-context.js';

export function describeDocuments(context: ContractContext): void {
  describe('documents', () => {
    it('keeps what was put, and lists by prefix, sorted', async () => {
      const { leadership } = await context.lead('a');
      assert.equal(await leadership.get('promotion/1'), undefined);
      const revision = await leadership.put('promotion/1', '{"step":"drain"}');
      const one = { key: 'promotion/1', value: '{"step":"drain"}', revision };
      assert.deepEqual(await leadership.get('promotion/1'), one);

      await leadership.put('promotion/0', 'ümläut 🙂');
      await leadership.put('promotions', '');
      const promotions = await leadership.list('promotion/');
      assert.deepEqual(
        promotions.map(({ key, value }) => [key, value]),
        [
          ['promotion/0', 'ümläut 🙂'],
          ['promotion/1', '{"step":"drain"}'],
        ],
      );
      assert.equal((await leadership.list('')).length, 3);
      assert.deepEqual(await leadership.list('none/'), []);
    });

    it('lists more than one page', async () => {
      const { leadership } = await context.lead('a');
      const keys = Array.from({ length: 250 }, (_, index) => `d/${String(index).padStart(3, '0')}`);
      for (const key of keys) await leadership.put(key, key);
      const listed = await leadership.list('d/');
      assert.deepEqual(
        listed.map(({ key }) => key),
        keys,
      );
    });

    it('creates only where nothing is, when told so', async () => {
      const { leadership } = await context.lead('a');
      const revision = await leadership.put('x', 'one', 0n);
      await assert.rejects(leadership.put('x', 'one', 0n), (error) => {
        assert.ok(error instanceof RevisionConflictError);
        assert.equal(error.actualRevision, revision);
        return true;
      });
      assert.equal((await leadership.get('x'))?.value, 'one');
    });

    it('replaces and deletes only at the expected revision', async () => {
      const { leadership } = await context.lead('a');
      const one = await leadership.put('x', 'one');
      const two = await leadership.put('x', 'two', one);
      assert.ok(two > one);
      await assert.rejects(leadership.put('x', 'three', one), RevisionConflictError);
      await assert.rejects(leadership.delete('x', one), RevisionConflictError);
      assert.deepEqual(await leadership.get('x'), { key: 'x', value: 'two', revision: two });

      await leadership.delete('x', two);
      assert.equal(await leadership.get('x'), undefined);
      await leadership.delete('x');
      await assert.rejects(leadership.delete('x', two), RevisionConflictError);
      const three = await leadership.put('x', 'three', 0n);
      assert.ok(three > two);
    });

    it('lets one of several writers at the same revision win', async () => {
      const { leadership } = await context.lead('a');
      const revision = await leadership.put('x', 'start');
      const writers = ['a', 'b', 'c', 'd'].map((value) => leadership.put('x', value, revision));
      const outcomes = await Promise.allSettled(writers);
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    });

    it('takes a document as large as the limit, and refuses a larger one', async () => {
      const { leadership } = await context.lead('a');
      await leadership.put('x', 'x'.repeat(DOCUMENT_BYTES_MAX));
      const larger = leadership.put('x', 'x'.repeat(DOCUMENT_BYTES_MAX + 1));
      await assert.rejects(larger, StoreRefusedError);
    });

    it('outlives its leader', async () => {
      const first = await context.lead('a');
      const revision = await first.leadership.put('x', 'one');
      await first.leadership.resign();
      const { leadership } = await context.lead('b');
      assert.deepEqual(await leadership.get('x'), { key: 'x', value: 'one', revision });
    });
  });
}
