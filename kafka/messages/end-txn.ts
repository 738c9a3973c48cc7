import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface EndTxnRequest {
  transactionalId: string;
  producerId: bigint;
  producerEpoch: number;
  /** True commits, false aborts. */
  committed: boolean;
}

export interface EndTxnResponse {
  throttleTimeMs: number;
  errorCode: number;
}

/**
 * EndTxn, key 26, pinned to v3: v5 bumps the producer epoch with every transaction (KIP-890), which
 * a producer that goes on with plain batches must not have.
 *
 *   Request  => transactional_id COMPACT_STRING, producer_id INT64, producer_epoch INT16,
 *               committed BOOLEAN, TAG_BUFFER
 *   Response => throttle_time_ms INT32, error_code INT16, TAG_BUFFER
 */
export const endTxn: Api<EndTxnRequest, EndTxnResponse> = {
  key: 26,
  version: 3,
  flexible: true,
  name: 'EndTxn',

  encodeRequest(writer: Writer, request: EndTxnRequest): void {
    writer
      .writeCompactString(request.transactionalId)
      .writeInt64(request.producerId)
      .writeInt16(request.producerEpoch)
      .writeBoolean(request.committed)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): EndTxnResponse {
    const throttleTimeMs = reader.readInt32();
    const errorCode = reader.readInt16();
    reader.skipTaggedFields();
    return { throttleTimeMs, errorCode };
  },

  coordinatorError: (response) => response.errorCode,
};
