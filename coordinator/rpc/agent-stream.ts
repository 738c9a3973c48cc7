import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError, TimeoutError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { AgentMessage, CoordinatorMessage } from '../../proto/gen/mirror/v1/agent.js';
import { LinkOverflowError } from '../service/errors.js';
import type { AgentConnection, AgentLink, CoordinatorSays } from '../service/messages.js';
import type { CoordinatorPort } from '../service/coordinator-port.js';
import { readAgentMessage, readHello, writeCoordinatorMessage } from './agent-messages.js';
import { AGENT_ID_LENGTH_MAX, HELLO_WAIT_MAX_MS, LINK_MESSAGES_MAX } from './limits.js';
import { statusOfError } from './status-of-error.js';
import type { TransportRefusals } from './transport-refusals.js';

export interface AgentStreamOptions {
  readonly call: ServerDuplexStream<AgentMessage, CoordinatorMessage>;
  readonly coordinator: CoordinatorPort;
  readonly refusals: TransportRefusals;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Faults of the agent, or of what is between: to be named, since nothing else would show them. */
const NAMED_CODES: ReadonlySet<string> = new Set([
  'MIRROR_PROTOCOL_VIOLATION',
  'MIRROR_AGENT_TOO_OLD',
  'MIRROR_LINK_OVERFLOW',
  'MIRROR_TIMEOUT',
]);

/**
 * One agent's stream: hello, then messages both ways until either side ends it. Sending never
 * waits: what the transport does not take at once is queued, and an agent that lets the queue fill
 * loses its stream, not the coordinator its memory.
 */
export class AgentStream implements AgentLink {
  readonly peer: string;
  readonly #options: AgentStreamOptions;
  readonly #queue: CoordinatorMessage[] = [];
  readonly #over = new AbortController();
  #blocked = false;
  #connection: AgentConnection | undefined;
  #greeted = false;
  /** As its hello has it. */
  #agentId = '';

  constructor(options: AgentStreamOptions) {
    this.#options = options;
    this.peer = options.call.getPeer();
  }

  serve(): void {
    const { call, clock } = this.#options;
    call.on('data', (message: AgentMessage) => this.#take(message));
    call.on('drain', () => {
      this.#blocked = false;
      this.#pump();
    });
    call.on('end', () => this.#finish(() => call.end()));
    for (const event of ['cancelled', 'error', 'close'] as const) {
      call.on(event, () =>
        this.#finish(() => {
          const reason = this.#options.refusals.reasonOf(call.metadata);
          if (reason !== undefined) this.#refused(reason);
        }),
      );
    }
    clock.sleep(HELLO_WAIT_MAX_MS, this.#over.signal).then(
      () => {
        if (!this.#greeted) this.end(new TimeoutError('waiting for hello', HELLO_WAIT_MAX_MS));
      },
      () => {}, // the stream ended before
    );
  }

  send(says: CoordinatorSays): void {
    if (this.#over.signal.aborted) return;
    for (const message of writeCoordinatorMessage(says)) this.#queue.push(message);
    this.#pump();
    if (this.#queue.length > LINK_MESSAGES_MAX)
      this.end(new LinkOverflowError(this.peer, LINK_MESSAGES_MAX));
  }

  end(reason: Error): void {
    this.#finish(() => {
      const { call, log } = this.#options;
      if (!(reason instanceof MirrorError))
        log.error({ peer: this.peer, error: describeError(reason) }, 'agent stream failed');
      else if (NAMED_CODES.has(reason.code)) this.#refused(describeError(reason));
      call.emit('error', statusOfError(reason));
    });
  }

  #take(message: AgentMessage): void {
    if (this.#over.signal.aborted) return;
    try {
      if (this.#connection !== undefined) this.#connection.receive(readAgentMessage(message));
      else if (!this.#greeted) void this.#greet(message);
      else throw new Error('a message came while the stream was paused');
    } catch (error) {
      this.end(error as Error);
    }
  }

  async #greet(message: AgentMessage): Promise<void> {
    const { call, coordinator } = this.#options;
    this.#greeted = true;
    this.#agentId = nameOf(message);
    call.pause();
    try {
      const connection = await coordinator.connect(readHello(message), this);
      this.#connection = connection;
      if (this.#over.signal.aborted) connection.disconnected();
      else call.resume();
    } catch (error) {
      this.end(error as Error);
    }
  }

  #refused(reason: string): void {
    this.#options.coordinator.refused({ agentId: this.#agentId, peer: this.peer, reason });
  }

  #pump(): void {
    while (!this.#blocked) {
      const message = this.#queue.shift();
      if (message === undefined) return;
      this.#blocked = !this.#options.call.write(message);
    }
  }

  /** Whatever ends the stream first decides how; the rest of the events find it over. */
  #finish(how: () => void): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#queue.length = 0;
    how();
    this.#connection?.disconnected();
  }
}

/** For people, of a hello that may not be accepted: cut and without control characters. */
function nameOf({ message }: AgentMessage): string {
  const agentId = message?.$case === 'hello' ? message.value.agentId : '';
  return agentId.replace(/[^\x20-\x7e]/g, '?').slice(0, AGENT_ID_LENGTH_MAX);
}
