import { systemClock } from '../../common/clock.js';
import type { Network } from './network.js';
import { describeFault, isProcessFault, type Fault } from './schedule.js';
import type { Node } from './topology.js';
import type { World } from './world.js';

const FLAP_MS = 100;
/** Of three turns. */
const FLAP_TURNS = 3;

export interface FaultRunnerOptions {
  readonly world: World;
  readonly network: Network;
  /** Told what is done, as it is done. */
  readonly say: (line: string) => void;
}

type Undo = () => Promise<void>;

/** Does what a schedule says, when it says so, and undoes it. */
export class FaultRunner {
  readonly #options: FaultRunnerOptions;
  /** How many faults delay each node. */
  readonly #delays = new Map<Node, number>();
  /** By node, until its process is as it was before the last fault of it that was taken up. */
  readonly #undone = new Map<Node, Promise<unknown>>();

  constructor(options: FaultRunnerOptions) {
    this.#options = options;
  }

  /** Resolves when all are undone and what was stopped is started; rejects with the first failure. */
  async run(faults: readonly Fault[]): Promise<void> {
    const startedMs = systemClock.nowMs();
    await Promise.all(
      faults.map((fault) =>
        this.#inTurn(fault, async () => {
          await systemClock.sleep(startedMs + fault.atMs - systemClock.nowMs());
          this.#options.say(describeFault(fault));
        }),
      ),
    );
  }

  /**
   * The schedule keeps apart what is done to one process, and a busy machine does not keep to the
   * schedule: one that leaves may take longer than it was given, and must not be killed meanwhile, nor
   * started twice.
   */
  async #inTurn(fault: Fault, due: () => Promise<void>): Promise<void> {
    const nodes = isProcessFault(fault.kind) ? fault.nodes : [];
    const before = Promise.all(nodes.map(async (node) => this.#undone.get(node)));
    const undone = before.then(due).then(() => this.#perform(fault));
    for (const node of nodes) this.#undone.set(node, undone);
    await undone;
  }

  async #perform(fault: Fault): Promise<void> {
    const endsMs = systemClock.nowMs() + fault.forMs;
    const undo = await this.#begin(fault, endsMs);
    await systemClock.sleep(endsMs - systemClock.nowMs());
    await undo();
  }

  async #begin({ kind, nodes, amountMs = 0 }: Fault, endsMs: number): Promise<Undo> {
    const { world, network } = this.#options;
    const [first = '', second = ''] = nodes;
    switch (kind) {
      case 'kill':
      case 'quorum':
        return await this.#stop(nodes, 'SIGKILL');
      case 'leave':
        return await this.#stop(nodes, 'SIGTERM');
      case 'freeze':
        await world.signal(first, 'SIGSTOP');
        return () => world.signal(first, 'SIGCONT');
      case 'one-way':
        await network.block(first, second);
        return () => network.unblock(first, second);
      case 'isolate':
        return await this.#isolate(first, second);
      case 'flap':
        return await this.#flap([first, second], endsMs);
      case 'delay':
        return await this.#delay(first, amountMs);
      case 'compact':
        await this.#compact(first);
        return async () => undefined;
      case 'jump':
        await world.setWallClock(first, amountMs);
        return async () => undefined;
    }
  }

  async #stop(nodes: readonly Node[], signal: 'SIGKILL' | 'SIGTERM'): Promise<Undo> {
    await Promise.all(nodes.map((node) => this.#options.world.end(node, signal)));
    return async () => {
      for (const node of nodes) this.#options.world.start(node);
    };
  }

  /** Another fault may be that it does not answer, or has no quorum. */
  async #compact(member: Node): Promise<void> {
    const { world, say } = this.#options;
    await world.compactEtcd(member).catch((error: unknown) => {
      say(`          ${member} was not compacted: ${(error as Error).message}`);
    });
  }

  async #isolate(a: Node, b: Node): Promise<Undo> {
    const { network } = this.#options;
    await Promise.all([network.block(a, b), network.block(b, a)]);
    return async () => {
      await Promise.all([network.unblock(a, b), network.unblock(b, a)]);
    };
  }

  async #flap([a, b]: readonly [Node, Node], endsMs: number): Promise<Undo> {
    while (systemClock.nowMs() < endsMs) {
      const undo = await this.#isolate(a, b);
      await systemClock.sleep(FLAP_MS);
      await undo();
      await systemClock.sleep(FLAP_MS * (FLAP_TURNS - 1));
    }
    return async () => undefined;
  }

  async #delay(node: Node, roundTripMs: number): Promise<Undo> {
    const { world } = this.#options;
    this.#delays.set(node, (this.#delays.get(node) ?? 0) + 1);
    await world.setDelay(node, roundTripMs);
    return async () => {
      const left = (this.#delays.get(node) ?? 1) - 1;
      this.#delays.set(node, left);
      if (left === 0) await world.setDelay(node, 0);
    };
  }
}
