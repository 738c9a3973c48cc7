import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { appendFailureOf } from '../../../agent/replication/append-outcome.js';
import type { Append } from '../../../agent/replication/partition-copier.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { quietCopier } from './quiet-copier.js';

const copier = quietCopier();

const append: Append = {
  copier,
  batch: Buffer.alloc(70),
  targetBase: 5n,
  count: 2,
  runs: [{ sourceStart: 40n, count: 2 }],
  sourceNext: 42n,
  maxTimestamp: 0n,
};

describe('appendFailureOf', () => {
  for (const [name, kind] of [
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'conflict'],
    ['DUPLICATE_SEQUENCE_NUMBER', 'conflict'],
    ['UNKNOWN_PRODUCER_ID', 'conflict'],
    ['INVALID_PRODUCER_EPOCH', 'fenced'],
    ['PRODUCER_FENCED', 'fenced'],
    ['MESSAGE_TOO_LARGE', 'too-large'],
    ['CORRUPT_MESSAGE', 'damaged'],
    ['NOT_LEADER_OR_FOLLOWER', 'retry'],
    ['NOT_ENOUGH_REPLICAS', 'retry'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retry'],
    ['REQUEST_TIMED_OUT', 'retry'],
    ['KAFKA_STORAGE_ERROR', 'retry'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'retry'],
    ['TOPIC_AUTHORIZATION_FAILED', 'halt'],
    ['INVALID_TIMESTAMP', 'halt'],
    ['INVALID_RECORD', 'halt'],
  ] as const) {
    it(`takes ${name} for ${kind}`, () => {
      assert.equal(appendFailureOf(append, ErrorCode[name], null).kind, kind);
    });
  }

  it('names partition, source offsets, the broker’s error and its words', () => {
    const failure = appendFailureOf(append, ErrorCode.INVALID_TIMESTAMP, 'too old by a year');
    assert.equal(failure.kind, 'halt');
    assert.equal(failure.kind === 'halt' && failure.error.haltCode, 'refused-by-target');
    const message = failure.kind === 'halt' ? failure.error.message : '';
    for (const part of ['orders-3', 'offsets 40 to 41', 'INVALID_TIMESTAMP', 'too old by a year']) {
      assert.ok(message.includes(part), `${part} is not in: ${message}`);
    }
  });

  it('names the right that is missing', () => {
    const failure = appendFailureOf(append, ErrorCode.TOPIC_AUTHORIZATION_FAILED, null);
    assert.equal(failure.kind === 'halt' && failure.error.haltCode, 'not-authorized');
    assert.match(failure.kind === 'halt' ? failure.error.message : '', /WRITE on topic a\.orders/);
  });
});
