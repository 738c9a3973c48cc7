import { ErrorCode, describeErrorCode } from '../messages/error-codes.js';
import { saslAuthenticate, type SaslAuthenticateResponse } from '../messages/sasl-authenticate.js';
import { saslHandshake } from '../messages/sasl-handshake.js';
import type { BrokerConnection, RequestOptions } from './broker-connection.js';
import { AuthenticationError } from './errors.js';
import { plainMessage } from './sasl-plain.js';
import { ScramClient } from './sasl-scram.js';
import type { SaslOptions } from './security.js';

export interface AuthenticatedSession {
  /** For how long the broker accepts the connection; 0 is for ever. */
  sessionLifetimeMs: number;
}

/** Proves who we are. Throws `AuthenticationError` if the broker, or its proof, says otherwise. */
export async function authenticate(
  connection: BrokerConnection,
  sasl: SaslOptions,
  options: RequestOptions,
): Promise<AuthenticatedSession> {
  const { mechanism } = sasl;
  const { errorCode, mechanisms } = await connection.request(saslHandshake, { mechanism }, options);
  if (errorCode !== ErrorCode.NONE) {
    const { name } = describeErrorCode(errorCode);
    const offered = mechanisms.length === 0 ? 'nothing' : mechanisms.join(', ');
    const message = `SASL ${mechanism} is refused (${name}); the broker offers ${offered}`;
    throw new AuthenticationError(connection.broker, message);
  }
  const last =
    mechanism === 'PLAIN'
      ? await step(connection, plainMessage(sasl), options)
      : await scram(connection, sasl, options);
  return { sessionLifetimeMs: Number(last.sessionLifetimeMs) };
}

async function scram(
  connection: BrokerConnection,
  sasl: SaslOptions,
  options: RequestOptions,
): Promise<SaslAuthenticateResponse> {
  const client = new ScramClient(sasl);
  const first = await step(connection, client.firstMessage(), options);
  try {
    const proof = await client.finalMessage(first.authBytes);
    const final = await step(connection, proof, options);
    client.verify(final.authBytes);
    return final;
  } catch (cause) {
    // Only ScramClient throws plain errors; the others already say what is wrong.
    if (!(cause instanceof Error) || cause.constructor !== Error) throw cause;
    throw new AuthenticationError(connection.broker, `${sasl.mechanism} failed`, { cause });
  }
}

async function step(
  connection: BrokerConnection,
  authBytes: Buffer,
  options: RequestOptions,
): Promise<SaslAuthenticateResponse> {
  const response = await connection.request(saslAuthenticate, { authBytes }, options);
  if (response.errorCode === ErrorCode.NONE) return response;
  const { name } = describeErrorCode(response.errorCode);
  const message = `${name}: ${response.errorMessage ?? 'the broker gives no reason'}`;
  throw new AuthenticationError(connection.broker, message);
}
