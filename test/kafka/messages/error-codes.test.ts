import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ErrorCode,
  describeErrorCode,
  listErrorCodes,
} from '../../../kafka/messages/error-codes.js';

describe('error codes', () => {
  it('have no gap from -1 to the last one of Kafka 4.3', () => {
    assert.deepEqual(
      listErrorCodes().map(({ code }) => code),
      Array.from({ length: 135 }, (_, index) => index - 1),
    );
  });

  it('are found by name', () => {
    assert.equal(ErrorCode.NOT_LEADER_OR_FOLLOWER, 6);
    assert.equal(ErrorCode.UNKNOWN_SERVER_ERROR, -1);
  });

  it('ask for metadata only where asking again can help', () => {
    for (const entry of listErrorCodes()) assert(entry.retriable || !entry.refreshMetadata);
    const { refreshMetadata } = describeErrorCode(ErrorCode.FENCED_LEADER_EPOCH);
    assert.equal(refreshMetadata, true);
    assert.equal(describeErrorCode(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER).retriable, false);
  });

  it('are final when they are newer than the table', () => {
    const { name, retriable } = describeErrorCode(9999);
    assert.deepEqual({ name, retriable }, { name: 'UNKNOWN_ERROR_CODE_9999', retriable: false });
  });
});
