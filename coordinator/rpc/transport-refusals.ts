import {
  ServerInterceptingCall,
  ServerListenerBuilder,
  type Metadata,
  type ServerInterceptor,
} from '@grpc/grpc-js';

/**
 * Why gRPC itself ended a stream: a message over the limit, or bytes that are no message. Its handler
 * hears only that the call was cancelled, as when the client has gone.
 */
export class TransportRefusals {
  readonly #reasons = new WeakMap<Metadata, { reason: string | undefined }>();

  /** Of a call, by the metadata that its handler was given; undefined if it was ended otherwise. */
  reasonOf(metadata: Metadata): string | undefined {
    return this.#reasons.get(metadata)?.reason;
  }

  /** Watches the status with which calls end: the innermost call is where gRPC refuses. */
  readonly interceptor: ServerInterceptor = (_method, call) => {
    const refusal: { reason: string | undefined } = { reason: undefined };
    const send = call.sendStatus.bind(call);
    call.sendStatus = (status) => {
      refusal.reason ??= status.details ?? '';
      send(status);
    };
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        this.#reasons.set(metadata, refusal);
        next(metadata);
      })
      .build();
    return new ServerInterceptingCall(call, { start: (next) => next(listener) });
  };
}
