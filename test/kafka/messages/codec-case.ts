import type { Api } from '../../../kafka/messages/api.js';

/** One API with the request and the response that golden/GoldenBytes.java writes for it. */
export interface CodecCase {
  readonly api: Api<never, unknown>;
  readonly request: unknown;
  readonly response: unknown;
}

export function codecCase<Request, Response>(
  api: Api<Request, Response>,
  request: Request,
  response: Response,
): CodecCase {
  return { api, request, response };
}
