import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface InitProducerIdRequest {
  transactionalId: string | null;
  transactionTimeoutMs: number;
  producerId: bigint; // -1n lets the broker choose
  producerEpoch: number; // -1 lets the broker choose
}

export interface InitProducerIdResponse {
  throttleTimeMs: number;
  errorCode: number;
  producerId: bigint;
  producerEpoch: number;
}

/**
 * InitProducerId, key 22, pinned to v4: the first that may answer PRODUCER_FENCED (KIP-588).
 *
 *   Request  => transactional_id COMPACT_NULLABLE_STRING, transaction_timeout_ms INT32,
 *               producer_id INT64, producer_epoch INT16, TAG_BUFFER
 *   Response => throttle_time_ms INT32, error_code INT16,
 *               producer_id INT64, producer_epoch INT16, TAG_BUFFER
 */
export const initProducerId: Api<InitProducerIdRequest, InitProducerIdResponse> = {
  key: 22,
  version: 4,
  flexible: true,
  name: 'InitProducerId',

  encodeRequest(writer: Writer, request: InitProducerIdRequest): void {
    writer
      .writeCompactNullableString(request.transactionalId)
      .writeInt32(request.transactionTimeoutMs)
      .writeInt64(request.producerId)
      .writeInt16(request.producerEpoch)
      .writeNoTaggedFields();
  },

  // errorCode is returned, not thrown: only the caller knows which retry or lease it decides.
  decodeResponse(reader: Reader): InitProducerIdResponse {
    const throttleTimeMs = reader.readInt32();
    const errorCode = reader.readInt16();
    const producerId = reader.readInt64();
    const producerEpoch = reader.readInt16();
    reader.skipTaggedFields();
    return { throttleTimeMs, errorCode, producerId, producerEpoch };
  },

  coordinatorError: (response) => response.errorCode,
};
