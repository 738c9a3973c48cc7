import { MirrorError } from '../../common/errors.js';
import { describeErrorCode } from '../messages/error-codes.js';
import { WireFormatError } from '../wire/index.js';

/** Thrown when a connection cannot be made, or ends while a request waits for its answer. */
export class ConnectionError extends MirrorError {
  readonly code = 'MIRROR_CONNECTION';
  readonly retriable = true;

  /** As `host:port`. */
  readonly broker: string;

  /** Whether bytes of the request may have left: if so, nobody knows whether it was carried out. */
  readonly sent: boolean;

  constructor(message: string, options: { broker: string; sent: boolean; cause?: unknown }) {
    super(`${options.broker}: ${message}`, causeOf(options.cause));
    this.broker = options.broker;
    this.sent = options.sent;
  }
}

/** A broker sent bytes that are no answer: from there on nothing on its connection can be trusted. */
export class BadAnswerError extends MirrorError {
  readonly code = 'MIRROR_BAD_ANSWER';
  readonly retriable = true; // on another connection

  readonly broker: string;

  /** What the answer was due to, by Kafka's name; 'nothing' if no request was waiting. */
  readonly api: string;

  /** The field and its byte, where they are known. */
  readonly place: string;

  constructor(broker: string, api: string, cause: unknown) {
    super(`${broker}: the answer to ${api} cannot be read`, { cause });
    this.broker = broker;
    this.api = api;
    this.place = cause instanceof WireFormatError ? `${cause.field} at byte ${cause.position}` : '';
  }
}

/** Thrown when a broker does not offer the one version of an API that we speak. */
export class UnsupportedVersionError extends MirrorError {
  readonly code = 'MIRROR_UNSUPPORTED_VERSION';
  readonly retriable = false; // only an upgrade of the broker helps

  readonly broker: string;
  readonly api: string;
  readonly wantedVersion: number;

  /** Undefined when the broker does not know the API at all. */
  readonly offered: { minVersion: number; maxVersion: number } | undefined;

  constructor(options: {
    broker: string;
    api: string;
    wantedVersion: number;
    offered: { minVersion: number; maxVersion: number } | undefined;
  }) {
    const { broker, api, wantedVersion, offered } = options;
    const range =
      offered === undefined
        ? 'does not offer it'
        : `offers versions ${offered.minVersion} to ${offered.maxVersion}`;
    super(`${broker}: ${api} is needed in version ${wantedVersion}, the broker ${range}`);
    this.broker = broker;
    this.api = api;
    this.wantedVersion = wantedVersion;
    this.offered = offered;
  }
}

/** Thrown when a broker does not accept who we say we are, or cannot prove who it is (SCRAM). */
export class AuthenticationError extends MirrorError {
  readonly code = 'MIRROR_AUTHENTICATION';
  readonly retriable = false; // the same credentials will be refused again

  readonly broker: string;

  constructor(broker: string, message: string, options?: ErrorOptions) {
    super(`${broker}: ${message}`, options);
    this.broker = broker;
  }
}

/** Thrown when more requests wait for a connection than its named limit. */
export class RequestQueueFullError extends MirrorError {
  readonly code = 'MIRROR_REQUEST_QUEUE_FULL';
  readonly retriable = true;

  readonly broker: string;

  constructor(broker: string, requestsMax: number) {
    super(`${broker}: ${requestsMax} requests are waiting already`);
    this.broker = broker;
  }
}

/** Thrown when no broker of a cluster answers. */
export class ClusterUnreachableError extends MirrorError {
  readonly code = 'MIRROR_CLUSTER_UNREACHABLE';
  readonly retriable = true;

  readonly cluster: string;

  /** What each address answered, in the order in which they were tried. */
  readonly attempts: readonly { address: string; problem: string }[];

  constructor(cluster: string, attempts: readonly { address: string; problem: string }[]) {
    const problems = attempts.map(({ address, problem }) => `${address} (${problem})`);
    super(`cluster ${cluster}: no broker answers: ${problems.join('; ')}`);
    this.cluster = cluster;
    this.attempts = attempts;
  }
}

/** Thrown where an answer carries an error code that leaves nothing else to do. */
export class BrokerResponseError extends MirrorError {
  readonly code = 'MIRROR_BROKER_RESPONSE';
  readonly retriable: boolean;

  readonly api: string;

  /** Kafka's code and its name, as in 29 and 'TOPIC_AUTHORIZATION_FAILED'. */
  readonly errorCode: number;
  readonly errorName: string;

  /** `subject` is what was asked for, such as a topic or a group. */
  constructor(api: string, errorCode: number, subject: string) {
    const entry = describeErrorCode(errorCode);
    super(`${api} for ${subject}: ${entry.name} (${errorCode})`);
    this.api = api;
    this.errorCode = errorCode;
    this.errorName = entry.name;
    this.retriable = entry.retriable;
  }
}

function causeOf(cause: unknown): ErrorOptions {
  return cause === undefined ? {} : { cause };
}
