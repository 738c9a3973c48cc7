import {
  credentials,
  Metadata,
  status as GrpcStatus,
  type ClientReadableStream,
  type ClientUnaryCall,
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
import { UnreachableError } from '../errors.js';
import {
  actOf,
  brokeOff,
  DRILL,
  hasBrokenOff,
  isAnswer,
  leaderOf,
  LOOK,
  mayAskNext,
  stoppedError,
  translate,
  weightOf,
  type CallKind,
} from './call-errors.js';
import { reached } from './reached.js';

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

  readonly #signal: AbortSignal;
  /** A coordinator has said something: it takes the certificate, if that is asked for. */
  #isAnswered = false;

  /**
   * `addresses`: `host:port` of one or more coordinators, in the order in which they are tried. Calls
   * end when `signal` aborts; what a coordinator has begun to change, it ends all the same.
   */
  constructor(
    addresses: readonly string[],
    security = credentials.createInsecure(),
    signal: AbortSignal = new AbortController().signal,
  ) {
    this.#addresses = addresses;
    this.#credentials = security;
    this.#signal = signal;
  }

  status(flow: string): Promise<Status> {
    return this.#call(LOOK, (client) =>
      this.#answer((done) =>
        client.getStatus({ flow }, new Metadata(), within(CALL_TIMEOUT_MS), done),
      ),
    );
  }

  planPromote(request: PromoteRequest): Promise<PromotePlan> {
    return this.#call(LOOK, (client) =>
      this.#answer((done) =>
        client.planPromote(request, new Metadata(), within(PROMOTE_PLAN_MS), done),
      ),
    );
  }

  resume(request: ResumeRequest): Promise<ResumeResult> {
    return this.#call(actOf('resume'), (client) =>
      this.#answer((done) => client.resume(request, new Metadata(), within(CALL_TIMEOUT_MS), done)),
    );
  }

  steer(request: SteerRequest): Promise<SteerResult> {
    return this.#call(actOf('it'), (client) =>
      this.#answer((done) => client.steer(request, new Metadata(), within(CALL_TIMEOUT_MS), done)),
    );
  }

  drainAgent(request: DrainAgentRequest): Promise<DrainAgentResult> {
    return this.#call(actOf('drain'), (client) =>
      this.#answer((done) =>
        client.drainAgent(request, new Metadata(), within(DRAIN_TIMEOUT_MS), done),
      ),
    );
  }

  journal(request: ListJournalRequest): Promise<Journal> {
    return this.#call(LOOK, (client) =>
      this.#answer((done) =>
        client.listJournal(request, new Metadata(), within(CALL_TIMEOUT_MS), done),
      ),
    );
  }

  translate(request: TranslateRequest): Promise<TranslateResult> {
    return this.#call(LOOK, (client) =>
      this.#answer((done) =>
        client.translate(request, new Metadata(), within(CALL_TIMEOUT_MS), done),
      ),
    );
  }

  groups(request: ListGroupsRequest): Promise<GroupList> {
    return this.#call(LOOK, (client) =>
      this.#answer((done) =>
        client.listGroups(request, new Metadata(), within(CALL_TIMEOUT_MS), done),
      ),
    );
  }

  /** Calls back for each step; resolves when the stream has ended well. */
  promote(request: PromoteRequest, onEvent: (event: PromoteEvent) => void): Promise<void> {
    return this.#call(actOf('promote'), (client) =>
      this.#followed(client.promote(request, within(PROMOTE_TIMEOUT_MS)), onEvent),
    );
  }

  /** Calls back for each step; resolves when the stream has ended well. */
  drill(request: DrillRequest, onEvent: (event: DrillEvent) => void): Promise<void> {
    return this.#call(DRILL, (client) =>
      this.#followed(client.drill(request, within(DRILL_TIMEOUT_MS)), onEvent),
    );
  }

  /** Calls back for each event; the coordinator stops when `signal` aborts. */
  verify(request: VerifyRequest, onEvent: (event: VerifyEvent) => void): Promise<void> {
    return this.#call(LOOK, (client) => this.#followed(client.verify(request), onEvent));
  }

  /** Calls back for each look, and with the result. */
  validate(request: ValidateRequest, onEvent: (event: ValidateEvent) => void): Promise<void> {
    return this.#call(LOOK, (client) => this.#followed(client.validate(request), onEvent));
  }

  planFailback(request: FailbackRequest): Promise<FailbackPlan> {
    return this.#call(LOOK, (client) =>
      this.#answer((done) =>
        client.planFailback(request, new Metadata(), within(FAILBACK_PLAN_MS), done),
      ),
    );
  }

  /** Calls back for each step; the coordinator goes on when `signal` aborts. */
  failback(request: FailbackRequest, onEvent: (event: FailbackEvent) => void): Promise<void> {
    return this.#call(actOf('failback'), (client) =>
      this.#followed(client.failback(request), onEvent),
    );
  }

  readQuarantine(
    request: ReadQuarantineRequest,
    onRecords: (records: QuarantinedRecords) => void,
  ): Promise<void> {
    return this.#call(LOOK, (client) => this.#followed(client.readQuarantine(request), onRecords));
  }

  /**
   * Follows redirects to the leader, and tries the next address where nobody answers, or nobody leads.
   * What a coordinator that broke off has begun is not hidden by what another one says.
   */
  async #call<T>(kind: CallKind, call: (client: OperatorServiceClient) => Promise<T>): Promise<T> {
    const waiting = [...this.#addresses];
    let redirects = 0;
    let failure: ServiceError | undefined;
    for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
      const client = new OperatorServiceClient(address, this.#credentials, {
        'grpc.max_receive_message_length': ANSWER_BYTES_MAX,
      });
      try {
        await reached(client, this.#signal);
        const answer = await call(client);
        this.#isAnswered = true;
        return answer;
      } catch (error) {
        const latest = error as ServiceError;
        if (this.#signal.aborted) throw stoppedError(kind);
        if (isAnswer(latest)) this.#isAnswered = true;
        if (failure === undefined || weightOf(latest) >= weightOf(failure)) failure = latest;
        const leader = leaderOf(latest);
        if (leader !== undefined && redirects++ < REDIRECTS_MAX) waiting.unshift(leader);
        else if (!mayAskNext(latest, kind)) throw this.#errorOf(failure, kind);
      } finally {
        client.close();
      }
    }
    throw this.#errorOf(failure, kind);
  }

  #errorOf(failure: ServiceError | undefined, kind: CallKind): Error {
    if (failure === undefined) return this.#unreachable(failure);
    if (isAnswer(failure)) return translate(failure, kind);
    // A coordinator that does not like a certificate just breaks off.
    const isRefusal = this.#credentials._isSecure() && !this.#isAnswered;
    if (hasBrokenOff(failure)) return isRefusal ? this.#unreachable(failure) : brokeOff(kind);
    if (failure.code === GrpcStatus.UNAVAILABLE) return this.#unreachable(failure);
    return translate(failure, kind);
  }

  #answer<T>(
    begin: (done: (error: ServiceError | null, answer: T) => void) => ClientUnaryCall,
  ): Promise<T> {
    let call: ClientUnaryCall | undefined;
    return this.#untilStopped(
      new Promise<T>((resolve, reject) => {
        call = begin((error, answer) => (error === null ? resolve(answer) : reject(error)));
      }),
      () => call?.cancel(),
    );
  }

  /** Reads a stream to its end. */
  #followed<Event>(
    stream: ClientReadableStream<Event>,
    take: (event: Event) => void,
  ): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (event: Event) => {
        this.#isAnswered = true;
        take(event);
      });
      stream.on('end', () => resolve());
      stream.on('error', reject);
    });
    return this.#untilStopped(ended, () => stream.cancel());
  }

  async #untilStopped<T>(work: Promise<T>, cancel: () => void): Promise<T> {
    if (this.#signal.aborted) cancel();
    this.#signal.addEventListener('abort', cancel, { once: true });
    try {
      return await work;
    } finally {
      this.#signal.removeEventListener('abort', cancel);
    }
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

function within(limitMs: number): { deadline: Date } {
  return { deadline: new Date(Date.now() + limitMs) };
}
