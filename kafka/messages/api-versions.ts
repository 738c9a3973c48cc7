import type { Reader, Writer } from '../wire/index.js';
import { API_VERSIONS_KEY, type Api } from './api.js';
import { ErrorCode } from './error-codes.js';

export interface ApiVersionsRequest {
  /** Letters, digits, dots and dashes only: brokers refuse anything else. */
  clientSoftwareName: string;
  clientSoftwareVersion: string;
}

export interface ApiVersionRange {
  apiKey: number;
  minVersion: number;
  maxVersion: number;
}

export interface ApiVersionsResponse {
  errorCode: number;
  apiKeys: ApiVersionRange[];
  throttleTimeMs: number;
}

/**
 * ApiVersions, key 18, pinned to v3. The response header is v0 although the version is flexible.
 *
 *   Request  => client_software_name COMPACT_STRING, client_software_version COMPACT_STRING,
 *               TAG_BUFFER
 *   Response => error_code INT16, api_keys [api_key INT16, min_version INT16, max_version INT16,
 *               TAG_BUFFER], throttle_time_ms INT32, TAG_BUFFER
 */
export const apiVersions: Api<ApiVersionsRequest, ApiVersionsResponse> = {
  key: API_VERSIONS_KEY,
  version: 3,
  flexible: true,
  name: 'ApiVersions',

  encodeRequest(writer: Writer, request: ApiVersionsRequest): void {
    writer
      .writeCompactString(request.clientSoftwareName)
      .writeCompactString(request.clientSoftwareVersion)
      .writeNoTaggedFields();
  },

  decodeResponse(reader: Reader): ApiVersionsResponse {
    const errorCode = reader.readInt16();
    // A broker too old for v3 answers in v0, whose array has another form: stop at the code.
    if (errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      return { errorCode, apiKeys: [], throttleTimeMs: 0 };
    }
    const apiKeys = reader.readCompactArray(decodeRange);
    const throttleTimeMs = reader.readInt32();
    reader.skipTaggedFields();
    return { errorCode, apiKeys, throttleTimeMs };
  },
};

function decodeRange(reader: Reader): ApiVersionRange {
  const apiKey = reader.readInt16();
  const minVersion = reader.readInt16();
  const maxVersion = reader.readInt16();
  reader.skipTaggedFields();
  return { apiKey, minVersion, maxVersion };
}
