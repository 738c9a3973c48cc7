import {
  connectivityState,
  Metadata,
  status as GrpcStatus,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';

/** How long an address may take to say anything at all; then the next one is asked. */
export const CONNECT_MS_MAX = 7_000;

/**
 * Resolves once a call can be made, or would fail at once. Rejects where the address stays silent: a call would
 * wait for it longer than for an answer, and other addresses were never asked.
 */
export async function reached(client: Client, signal: AbortSignal): Promise<void> {
  const channel = client.getChannel();
  const deadline = new Date(Date.now() + CONNECT_MS_MAX);
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    if (state === connectivityState.TRANSIENT_FAILURE) return; // a call says why
    const changed = await new Promise<boolean>((resolve) => {
      const stop = (): void => resolve(false);
      signal.addEventListener('abort', stop, { once: true });
      channel.watchConnectivityState(state, deadline, (error) => {
        signal.removeEventListener('abort', stop);
        resolve(error === undefined || error === null);
      });
    });
    if (!changed) throw silent();
  }
}

function silent(): ServiceError {
  const details = `No connection established: silent for ${CONNECT_MS_MAX} ms`;
  const status = { code: GrpcStatus.UNAVAILABLE, details, metadata: new Metadata() };
  return Object.assign(new Error(details), status);
}
