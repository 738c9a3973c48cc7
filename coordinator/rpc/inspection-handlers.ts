import type { ServerWritableStream } from '@grpc/grpc-js';
import { parseFlowId } from '../../mirror/flow.js';
import type {
  OperatorServiceServer,
  ValidateEvent,
  ValidateRequest,
  VerifyEvent,
  VerifyRequest,
} from '../../proto/gen/mirror/v1/operator.js';
import type { CoordinatorPort } from '../service/coordinator-port.js';
import type { GroupLook } from '../validation/group-validation.js';
import type { statusOfError } from './status-of-error.js';

type Refuse = (error: unknown, what: string) => ReturnType<typeof statusOfError>;

/** The calls that look and change nothing, and that end with whoever asked. */
export function inspectionHandlers(
  coordinator: CoordinatorPort,
  refuse: Refuse,
): Pick<OperatorServiceServer, 'verify' | 'validate'> {
  return {
    verify: (call) => serve(call, 'Verify', refuse, () => verify(call, coordinator)),
    validate: (call) => serve(call, 'Validate', refuse, () => validate(call, coordinator)),
  };
}

/** Ends the stream with what came of the work, whatever that was. */
// eslint-disable-next-line @typescript-eslint/max-params -- one call site each, above
function serve<Request, Event>(
  call: ServerWritableStream<Request, Event>,
  what: string,
  refuse: Refuse,
  work: () => Promise<void>,
): void {
  work().then(
    () => call.end(),
    (error: unknown) => call.emit('error', refuse(error, what)),
  );
}

async function verify(
  call: ServerWritableStream<VerifyRequest, VerifyEvent>,
  coordinator: CoordinatorPort,
): Promise<void> {
  const { flow, topics, from, bytesPerSecond } = call.request;
  const request = { flow: parseFlowId(flow), topics, from, bytesPerSecond };
  const listener: Parameters<CoordinatorPort['verify']>[1] = {
    onRange: ({ topic, targetTopic, partition }, range) =>
      void call.write({
        event: { $case: 'range', value: { topic, targetTopic, partition, range } },
      }),
    onProgress: ({ elapsedMs, ...progress }) =>
      void call.write({
        event: { $case: 'progress', value: { ...progress, elapsedMs: BigInt(elapsedMs) } },
      }),
  };
  const outcome = await coordinator.verify(request, listener, cancelledBy(call));
  const { elapsedMs, partitions, unproven, ...rest } = outcome;
  const lists = { partitions: [...partitions], unproven: [...unproven] };
  const value = { ...rest, elapsedMs: BigInt(elapsedMs), ...lists };
  call.write({ event: { $case: 'result', value } });
}

async function validate(
  call: ServerWritableStream<ValidateRequest, ValidateEvent>,
  coordinator: CoordinatorPort,
): Promise<void> {
  const { target, group, lookIntervalMs } = call.request;
  const request = { target, group, lookIntervalMs: Number(lookIntervalMs) };
  const onLook = ({ atMs, partitions, ...look }: GroupLook): void => {
    const value = { ...look, atMs: BigInt(Math.trunc(atMs)), partitions: [...partitions] };
    call.write({ event: { $case: 'look', value } });
  };
  const result = await coordinator.validate(request, onLook, cancelledBy(call));
  const value = { verdict: result.verdict, checks: [...result.checks] };
  call.write({ event: { $case: 'result', value } });
}

function cancelledBy(call: ServerWritableStream<unknown, unknown>): AbortSignal {
  const stop = new AbortController();
  call.on('cancelled', () => stop.abort(new Error('the caller is gone')));
  return stop.signal;
}
