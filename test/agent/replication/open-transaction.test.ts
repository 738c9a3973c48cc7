import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { OPEN_TRANSACTION_MS } from '../../../agent/replication/limits.js';
import { OpenTransaction } from '../../../agent/replication/open-transaction.js';

describe('OpenTransaction', () => {
  it('is told once the stable offset has stood before the high watermark for long', () => {
    const open = new OpenTransaction();
    assert.equal(open.trouble(-1n, 0), '');
    open.note(5n, 5n, 1_000);
    assert.equal(open.trouble(5n, 1_000 + OPEN_TRANSACTION_MS), '', 'nothing is behind it');
    open.note(5n, 7n, 2_000);
    open.note(5n, 9n, 30_000); // others write on
    assert.equal(open.trouble(5n, 2_000 + OPEN_TRANSACTION_MS - 1), '');
    assert.match(open.trouble(5n, 2_000 + OPEN_TRANSACTION_MS), /^a transaction has been open/);
    assert.equal(open.trouble(4n, 2_000 + OPEN_TRANSACTION_MS), '', 'the lag says that');
    open.note(10n, 10n, 90_000);
    assert.equal(open.trouble(10n, 90_000 + OPEN_TRANSACTION_MS), '');
  });

  it('is not told of transactions that end while others begin', () => {
    const open = new OpenTransaction();
    for (let at = 0; at < 10; at += 1) {
      const stable = BigInt(at);
      open.note(stable, stable + 3n, at * 10_000);
      assert.equal(open.trouble(stable, at * 10_000 + 9_999), '');
    }
  });
});
