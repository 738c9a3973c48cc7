import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { NetworkPlace } from '../kit/network-place.js';
import type { Node } from './topology.js';

/**
 * One network namespace for each node, and this process's own as the router between them:
 *
 *   node i: e0 10.77.i.2/30 ──── veth ──── v<i> 10.77.i.1/30 of the router
 *
 * What is cut is dropped by the router's policy rules, without a word to either side, for one
 * direction of one pair: connections stay open at both ends, as they do when a cable is pulled.
 * This process reaches every node, whatever is cut.
 */
const run = promisify(execFile);
const SUBNET = '10.77';
const NETNS_FOLDER = '/run/netns';

export class Network {
  readonly #hosts = new Map<Node, string>();
  /** How many faults block a direction: one that ends must not end another. */
  readonly #blocks = new Map<string, number>();
  /** The rules are changed one after another: the same one may be taken away and set in one moment. */
  #changed: Promise<unknown> = Promise.resolve();

  private constructor() {}

  /** Needs a network and a mount namespace that belong to this process: own-network.ts. */
  static async open(nodes: readonly Node[]): Promise<Network> {
    const network = new Network();
    // What `ip netns` writes is seen by nobody else, and is gone with this process.
    await run('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
    await run('ip', ['link', 'set', 'lo', 'up']);
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    for (const [index, node] of nodes.entries()) await network.#add(node, index + 1);
    return network;
  }

  place(node: Node): NetworkPlace {
    return { host: this.#host(node), enter: ['nsenter', `--net=${NETNS_FOLDER}/${node}`] };
  }

  /** Drops what `from` sends to `to`. */
  async block(from: Node, to: Node): Promise<void> {
    const count = this.#blocks.get(`${from} ${to}`) ?? 0;
    this.#blocks.set(`${from} ${to}`, count + 1);
    if (count === 0) await this.#rule('add', from, to);
  }

  async unblock(from: Node, to: Node): Promise<void> {
    const count = this.#blocks.get(`${from} ${to}`) ?? 0;
    if (count === 0) throw new Error(`nothing blocks ${from} to ${to}`);
    this.#blocks.set(`${from} ${to}`, count - 1);
    if (count === 1) await this.#rule('del', from, to);
  }

  async #rule(verb: 'add' | 'del', from: Node, to: Node): Promise<void> {
    const pair = ['from', this.#host(from), 'to', this.#host(to)];
    const change = this.#changed.then(() => run('ip', ['rule', verb, ...pair, 'blackhole']));
    this.#changed = change.catch(() => undefined); // whoever asked for it hears of it
    await change;
  }

  #host(node: Node): string {
    const host = this.#hosts.get(node);
    if (host === undefined) throw new Error(`no node ${node}`);
    return host;
  }

  async #add(node: Node, index: number): Promise<void> {
    const [router, host, outside] = [`${SUBNET}.${index}.1`, `${SUBNET}.${index}.2`, `v${index}`];
    await run('ip', ['netns', 'add', node]);
    const peer = ['peer', 'name', 'e0', 'netns', node];
    await run('ip', ['link', 'add', outside, 'type', 'veth', ...peer]);
    await run('ip', ['addr', 'add', `${router}/30`, 'dev', outside]);
    await run('ip', ['link', 'set', outside, 'up']);
    const inside = [
      ['link', 'set', 'lo', 'up'],
      ['addr', 'add', `${host}/30`, 'dev', 'e0'],
      ['link', 'set', 'e0', 'up'],
      ['route', 'add', 'default', 'via', router],
    ];
    for (const args of inside) await run('ip', ['-n', node, ...args]);
    this.#hosts.set(node, host);
  }
}
