import type { Api } from '../messages/api.js';
import { ErrorCode, describeErrorCode } from '../messages/error-codes.js';
import { saslAuthenticate, type SaslAuthenticateResponse } from '../messages/sasl-authenticate.js';
import { saslHandshake } from '../messages/sasl-handshake.js';
import { AuthenticationError } from './errors.js';
import type { RequestOptions } from './request-options.js';
import { plainMessage } from './sasl-plain.js';
import { ScramClient } from './sasl-scram.js';
import type { SaslOptions } from './security.js';

/** What is needed of a channel, which is not yet one to be seen by others. */
export interface SaslChannel {
  readonly broker: string;
  request<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    options: RequestOptions,
  ): Promise<Response>;
}

export interface AuthenticatedSession {
  /** For how long the broker accepts the connection; 0 is for ever. */
  sessionLifetimeMs: number;
}

/** Proves who we are. Throws `AuthenticationError` if the broker, or its proof, says otherwise. */
export async function authenticate(
  channel: SaslChannel,
  sasl: SaslOptions,
  options: RequestOptions,
): Promise<AuthenticatedSession> {
  const { mechanism } = sasl;
  const { errorCode, mechanisms } = await channel.request(saslHandshake, { mechanism }, options);
  if (errorCode !== ErrorCode.NONE) {
    const { name } = describeErrorCode(errorCode);
    const offered = mechanisms.length === 0 ? 'nothing' : mechanisms.join(', ');
    const message = `SASL ${mechanism} is refused (${name}); the broker offers ${offered}`;
    throw new AuthenticationError(channel.broker, message);
  }
  const last =
    mechanism === 'PLAIN'
      ? await step(channel, plainMessage(sasl), options)
      : await scram(channel, sasl, options);
  return { sessionLifetimeMs: Number(last.sessionLifetimeMs) };
}

async function scram(
  channel: SaslChannel,
  sasl: SaslOptions,
  options: RequestOptions,
): Promise<SaslAuthenticateResponse> {
  const client = new ScramClient(sasl);
  const first = await step(channel, client.firstMessage(), options);
  try {
    const proof = await client.finalMessage(first.authBytes);
    const final = await step(channel, proof, options);
    client.verify(final.authBytes);
    return final;
  } catch (cause) {
    // Only ScramClient throws plain errors; the others already say what is wrong.
    if (!(cause instanceof Error) || cause.constructor !== Error) throw cause;
    throw new AuthenticationError(channel.broker, `${sasl.mechanism} failed`, { cause });
  }
}

async function step(
  channel: SaslChannel,
  authBytes: Buffer,
  options: RequestOptions,
): Promise<SaslAuthenticateResponse> {
  const response = await channel.request(saslAuthenticate, { authBytes }, options);
  if (response.errorCode === ErrorCode.NONE) return response;
  const { name } = describeErrorCode(response.errorCode);
  const message = `${name}: ${response.errorMessage ?? 'the broker gives no reason'}`;
  throw new AuthenticationError(channel.broker, message);
}
