import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface SaslAuthenticateRequest {
  authBytes: Buffer;
}

export interface SaslAuthenticateResponse {
  errorCode: number;
  errorMessage: string | null;
  authBytes: Buffer;
  /** How long the broker accepts this connection (KIP-368); 0 is for ever. */
  sessionLifetimeMs: bigint;
}

/**
 * SaslAuthenticate, key 36, pinned to v2.
 *
 *   Request  => auth_bytes COMPACT_BYTES, TAG_BUFFER
 *   Response => error_code INT16, error_message COMPACT_NULLABLE_STRING, auth_bytes COMPACT_BYTES,
 *               session_lifetime_ms INT64, TAG_BUFFER
 */
export const saslAuthenticate: Api<SaslAuthenticateRequest, SaslAuthenticateResponse> = {
  key: 36,
  version: 2,
  flexible: true,
  name: 'SaslAuthenticate',

  encodeRequest(writer: Writer, request: SaslAuthenticateRequest): void {
    writer.writeCompactBytes(request.authBytes).writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): SaslAuthenticateResponse {
    const errorCode = reader.readInt16();
    const errorMessage = reader.readCompactNullableString();
    const authBytes = reader.readCompactBytes();
    const sessionLifetimeMs = reader.readInt64();
    reader.skipTaggedFields();
    return { errorCode, errorMessage, authBytes, sessionLifetimeMs };
  },
};
