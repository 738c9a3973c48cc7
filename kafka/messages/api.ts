import type { Reader, Writer } from '../wire/index.js';

/** One Kafka API at one pinned version. Codecs do no I/O, and return error codes as they came. */
export interface Api<Request, Response> {
  /** The API key on the wire. */
  readonly key: number;

  /** The one version we speak, offered by every broker from 3.7 to 4.3. */
  readonly version: number;

  /** Whether this version has tagged fields: request header v2 and response header v1. */
  readonly flexible: boolean;

  /** Kafka's name of the API, for messages that people read. */
  readonly name: string;

  encodeRequest(writer: Writer, request: Request): void;
  decodeResponse(reader: Reader): Response;

  /**
   * Only for APIs that a coordinator answers: the code that says whether it was the right one. The
   * codes 14, 15 and 16 mean that nothing was done, so that the request may be sent again.
   */
  coordinatorError?(response: Response): number;
}

/** Whether the response header ends in tagged fields. ApiVersions never does (KIP-511). */
export function responseHeaderFlexible(
  api: Pick<Api<never, unknown>, 'key' | 'flexible'>,
): boolean {
  return api.flexible && api.key !== API_VERSIONS_KEY;
}

/** ApiVersions is read before the versions are known, hence the exception to its header. */
export const API_VERSIONS_KEY = 18;
