import {
  credentials,
  Metadata,
  status as GrpcStatus,
  type ClientReadableStream,
  type ChannelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';

import { NOT_REACHED } from '../../common/not-reached.js';
import {
  OperatorServiceClient,
  type DrillEvent,
  type DrillRequest,
  type FailbackEvent,
  type FailbackPlan,
  type FailbackRequest,
  type QuarantinedRecords,
  type ReadQuarantineRequest,
  type GroupList,
  type ListGroupsRequest,
  type Journal,
  type ListJournalRequest,
  type PromoteEvent,
  type PromotePlan,
  type PromoteRequest,
  type ResumeRequest,
  type ResumeResult,
  type DrainAgentRequest,
  type DrainAgentResult,
  type Status,
  type TranslateRequest,
  type TranslateResult,
  type ValidateEvent,
  type ValidateRequest,
  type VerifyEvent,
  type VerifyRequest,
  type SteerRequest,
  type SteerResult,
} from '../../proto/gen/mirror/v1/operator.js';
import {
  CallFailedError,
  RefusedError,
  UnknownNameError,
  UnreachableError,
  UsageError,
} from '../errors.js';

const LEADER_KEY = 'mirror-leader';
const CODE_KEY = 'mirror-code';
const CALL_TIMEOUT_MS = 15_000;

/** The coordinator itself waits 20 s for the agent to hand over. */
const DRAIN_TIMEOUT_MS = 40_000;
/** It waits for agents, and asks the source and a target that may be silent. */
export const PROMOTE_PLAN_MS = 120_000;

/** It looks twice at both clusters, and reads what never crossed. */
const FAILBACK_PLAN_MS = 300_000;

/** A promotion drains for half a minute at most; this is beyond every step's own limit. */
const PROMOTE_TIMEOUT_MS = 300_000;

/** A rehearsal is a promotion and some waits of a minute at most. */
const DRILL_TIMEOUT_MS = 900_000;

/** A status of some hundred thousand partitions. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** How Node and OpenSSL speak of certificates and of peers that talk no TLS. */
const TLS_FAULT = /certificate|self[- ]signed|issuer|altname|SSL|TLS|wrong version number|EPROTO/i;

const TLS_HINT =
  '--tls-ca (MIRRORCTL_TLS_CA) names the CA that signed coordinator.tls.cert; if the coordinator ' +
  'has coordinator.tls.ca, that CA must have signed --tls-cert, which needs --tls-key';

/** Standbys pointing at each other in turn, while a leader is elected, are given up after this. */
const REDIRECTS_MAX = 5;

/** Calls whichever coordinator leads, starting from any of those given. */
export class OperatorClient {
  readonly #addresses: readonly string[];
  readonly #credentials: ChannelCredentials;

  /** `addresses`: `host:port` of one or more coordinators, in the order in which they are tried. */
  constructor(addresses: readonly string[], security = credentials.createInsecure()) {
    this.#addresses = addresses;
    this.#credentials = security;
  }

  status(flow: string): Promise<Status> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.getStatus({ flow }, new Metadata(), within(CALL_TIMEOUT_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  planPromote(request: PromoteRequest): Promise<PromotePlan> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.planPromote(request, new Metadata(), within(PROMOTE_PLAN_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  resume(request: ResumeRequest): Promise<ResumeResult> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.resume(request, new Metadata(), within(CALL_TIMEOUT_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  steer(request: SteerRequest): Promise<SteerResult> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.steer(request, new Metadata(), within(CALL_TIMEOUT_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  drainAgent(request: DrainAgentRequest): Promise<DrainAgentResult> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.drainAgent(request, new Metadata(), within(DRAIN_TIMEOUT_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  journal(request: ListJournalRequest): Promise<Journal> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.listJournal(request, new Metadata(), within(CALL_TIMEOUT_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  translate(request: TranslateRequest): Promise<TranslateResult> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.translate(request, new Metadata(), within(CALL_TIMEOUT_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  groups(request: ListGroupsRequest): Promise<GroupList> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.listGroups(request, new Metadata(), within(CALL_TIMEOUT_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  /** Calls back for each step; resolves when the stream has ended well. */
  promote(request: PromoteRequest, onEvent: (event: PromoteEvent) => void): Promise<void> {
    return this.#call((client) => {
      const stream = client.promote(request, within(PROMOTE_TIMEOUT_MS));
      stream.on('data', onEvent);
      return new Promise((resolve, reject) => {
        stream.on('end', () => resolve());
        stream.on('error', reject);
      });
    });
  }

  /** Calls back for each step; resolves when the stream has ended well. */
  drill(request: DrillRequest, onEvent: (event: DrillEvent) => void): Promise<void> {
    return this.#call((client) => {
      const stream = client.drill(request, within(DRILL_TIMEOUT_MS));
      stream.on('data', onEvent);
      return new Promise((resolve, reject) => {
        stream.on('end', () => resolve());
        stream.on('error', reject);
      });
    });
  }

  /** Calls back for each event; the coordinator stops when `signal` aborts. */
  verify(
    request: VerifyRequest,
    onEvent: (event: VerifyEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#call((client) => followed(client.verify(request), onEvent, signal));
  }

  /** Calls back for each look, and with the result. */
  validate(
    request: ValidateRequest,
    onEvent: (event: ValidateEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#call((client) => followed(client.validate(request), onEvent, signal));
  }

  planFailback(request: FailbackRequest): Promise<FailbackPlan> {
    return this.#call((client) => {
      return new Promise((resolve, reject) => {
        client.planFailback(request, new Metadata(), within(FAILBACK_PLAN_MS), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    });
  }

  /** Calls back for each step; the coordinator goes on when `signal` aborts. */
  failback(
    request: FailbackRequest,
    onEvent: (event: FailbackEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#call((client) => followed(client.failback(request), onEvent, signal));
  }

  readQuarantine(
    request: ReadQuarantineRequest,
    onRecords: (records: QuarantinedRecords) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#call((client) => followed(client.readQuarantine(request), onRecords, signal));
  }

  /** Follows redirects to the leader, and tries the next address where nobody answers. */
  async #call<T>(call: (client: OperatorServiceClient) => Promise<T>): Promise<T> {
    const waiting = [...this.#addresses];
    let redirects = 0;
    let failure: ServiceError | undefined;
    for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
      const client = new OperatorServiceClient(address, this.#credentials, {
        'grpc.max_receive_message_length': ANSWER_BYTES_MAX,
      });
      try {
        return await call(client);
      } catch (error) {
        const latest = error as ServiceError;
        // The silence of one address does not hide what a coordinator at another has said.
        if (failure === undefined || !isAnswer(failure) || isAnswer(latest)) failure = latest;
        const leader = leaderOf(latest);
        if (leader !== undefined && redirects++ < REDIRECTS_MAX) waiting.unshift(leader);
        else if (latest.code !== GrpcStatus.UNAVAILABLE) throw translate(latest);
      } finally {
        client.close();
      }
    }
    throw failure !== undefined && isAnswer(failure)
      ? translate(failure)
      : this.#unreachable(failure);
  }

  #unreachable(cause: ServiceError | undefined): UnreachableError {
    const addresses = this.#addresses.join(', ');
    const reason = cause?.details ?? '';
    // A coordinator that does not like a certificate just breaks off.
    const refused = this.#credentials._isSecure() && !NOT_REACHED.test(reason);
    if (TLS_FAULT.test(reason) || refused) {
      return new UnreachableError(`no TLS connection to a coordinator at ${addresses}: ${reason}`, {
        cause,
        hint: TLS_HINT,
      });
    }
    return new UnreachableError(`no coordinator answers at ${addresses}`, {
      cause,
      hint:
        'start mirror-coordinator or mirror-maker, or name its address with --coordinator ' +
        'HOST:PORT or MIRRORCTL_COORDINATOR; if it has coordinator.tls.* set, add --tls-ca',
    });
  }
}

/** Reads a stream to its end; ends it when the signal aborts. */
function followed<Event>(
  stream: ClientReadableStream<Event>,
  onEvent: (event: Event) => void,
  signal: AbortSignal,
): Promise<void> {
  const cancel = (): void => stream.cancel();
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  return new Promise<void>((resolve, reject) => {
    stream.on('data', onEvent);
    stream.on('end', () => resolve());
    stream.on('error', reject);
  }).finally(() => signal.removeEventListener('abort', cancel));
}

function within(limitMs: number): { deadline: Date } {
  return { deadline: new Date(Date.now() + limitMs) };
}

function leaderOf(error: ServiceError): string | undefined {
  const leader = error.metadata?.get(LEADER_KEY)[0];
  return typeof leader === 'string' && leader !== '' ? leader : undefined;
}

function hintOf(error: ServiceError): string {
  const isGroup = codeOf(error) === 'MIRROR_UNKNOWN_GROUP';
  return isGroup ? "'mirrorctl groups' lists the groups" : "'mirrorctl status' lists the flows";
}

/** A coordinator said it, rather than whatever lies between here and a coordinator. */
function isAnswer(error: ServiceError): boolean {
  return codeOf(error) !== undefined;
}

function codeOf(error: ServiceError): string | undefined {
  return error.metadata?.get(CODE_KEY)[0]?.toString();
}

function translate(error: ServiceError): Error {
  if (codeOf(error) === 'MIRROR_NOT_READY') return new RefusedError(error.details);
  switch (error.code) {
    case GrpcStatus.NOT_FOUND:
      return new UnknownNameError(error.details, { hint: hintOf(error) });
    case GrpcStatus.INVALID_ARGUMENT:
      return new UsageError(error.details);
    case GrpcStatus.FAILED_PRECONDITION:
      return new RefusedError(error.details);
    case GrpcStatus.CANCELLED:
      return new CallFailedError('stopped', { hint: 'calling again is safe' });
    case GrpcStatus.DEADLINE_EXCEEDED:
      return new CallFailedError('the coordinator did not answer in time; what it did is unknown', {
        hint: "look with 'mirrorctl status'; calling again is safe",
      });
    default:
      return new CallFailedError(error.details);
  }
}
