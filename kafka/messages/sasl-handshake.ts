import type { Reader, Writer } from '../wire/index.js';
import type { Api } from './api.js';

export interface SaslHandshakeRequest {
  mechanism: string;
}

export interface SaslHandshakeResponse {
  errorCode: number;
  /** What the broker would accept. */
  mechanisms: string[];
}

/**
 * SaslHandshake, key 17, pinned to v1: says that SaslAuthenticate requests follow. Never flexible.
 *
 *   Request  => mechanism STRING
 *   Response => error_code INT16, mechanisms [STRING]
 */
export const saslHandshake: Api<SaslHandshakeRequest, SaslHandshakeResponse> = {
  key: 17,
  version: 1,
  flexible: false,
  name: 'SaslHandshake',

  encodeRequest(writer: Writer, request: SaslHandshakeRequest): void {
    writer.writeString(request.mechanism);
  },

  decodeResponse(reader: Reader): SaslHandshakeResponse {
    const errorCode = reader.readInt16();
    const mechanisms = reader.readArray(decodeMechanism);
    return { errorCode, mechanisms };
  },
};

function decodeMechanism(reader: Reader): string {
  return reader.readString();
}
