import type { Api } from '../../../kafka/messages/api.js';

/** One API with the request and the response that golden/GoldenBytes.java writes for it. */
export interface CodecCase {
  readonly api: Api<never, unknown>;
  /** What the golden bytes call it: the name of the API where it is spoken in one version only. */
  readonly golden: string;
  readonly request: unknown;
  readonly response: unknown;
}

export function codecCase<Request, Response>(
  api: Api<Request, Response>,
  request: Request,
  response: Response,
  golden = api.name,
): CodecCase {
  return { api, golden, request, response };
}
