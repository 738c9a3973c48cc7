import { rmSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { etcdBinary } from './fetched.js';
import { freePorts } from './free-port.js';
import { commandAt, HERE, type NetworkPlace } from './network-place.js';
import { ServerProcess } from './server-process.js';
import { temporaryFolder } from './temporary-folder.js';

export { EtcdUnavailable } from './fetched.js';

const READY_MS_MAX = 30_000;
const ANSWER_MS_MAX = 2_000;

export interface EtcdOptions {
  readonly members?: number;
  /** More flags for every member, as `--name=value`. */
  readonly args?: readonly string[];
  /** One for each member; the default is this machine. */
  readonly places?: readonly NetworkPlace[];
}

/** One member: the same ports and data however often it is killed and started. */
export interface EtcdMember {
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number;
  readonly running: boolean;
  readonly logFile: string;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again and waits until it is healthy, which needs a quorum. */
  start(): Promise<void>;
  /** Starts it again, and does not wait. */
  launch(): void;
  stop(): Promise<void>;
  waitReady(): Promise<void>;
}

export interface EtcdServers {
  /** `http://host:port` of every member. */
  readonly endpoints: readonly string[];
  readonly members: readonly EtcdMember[];
  /** Kills all members and removes their data. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Healthy means that a linearizable read passes: there is a leader, and a quorum. */
function isHealthy(endpoint: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(`${endpoint}/health`, { timeout: ANSWER_MS_MAX }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text.includes('true')));
      response.on('error', () => resolve(false));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

class Member implements EtcdMember {
  readonly port: number;
  readonly endpoint: string;
  readonly #server: ServerProcess;

  constructor(place: MemberPlace, server: ServerProcess) {
    this.port = place.port;
    this.endpoint = `http://${place.network.host}:${place.port}`;
    this.#server = server;
  }

  get pid(): number {
    return this.#server.pid;
  }

  get running(): boolean {
    return this.#server.running;
  }

  get logFile(): string {
    return this.#server.logFile;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#server.kill(signal);
  }

  async start(): Promise<void> {
    this.launch();
    await this.waitReady();
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  launch(): void {
    this.#server.launch();
  }

  async waitReady(): Promise<void> {
    await this.#server.waitUntil(() => isHealthy(this.endpoint), READY_MS_MAX);
  }
}

interface MemberPlace {
  readonly network: NetworkPlace;
  readonly name: string;
  readonly port: number;
  readonly peerPort: number;
}

function makeMember(place: MemberPlace, folder: string, flags: readonly string[]): Member {
  const client = `http://${place.network.host}:${place.port}`;
  const peer = `http://${place.network.host}:${place.peerPort}`;
  const args = [
    `--name=${place.name}`,
    `--data-dir=${join(folder, place.name)}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    '--initial-cluster-state=new',
    '--heartbeat-interval=50',
    '--election-timeout=500',
    // Synchronous writes of a test's few keys only slow the machine down.
    '--unsafe-no-fsync',
    '--log-level=warn',
    ...flags,
  ];
  const logFile = join(folder, `${place.name}.log`);
  const env = { GOMEMLIMIT: '256MiB', ETCD_UNSUPPORTED_ARCH: process.arch };
  const name = `etcd ${place.name}`;
  const server = new ServerProcess({
    name,
    ...commandAt(place.network, etcdBinary(), args),
    env,
    logFile,
  });
  return new Member(place, server);
}

/** Starts etcd and waits until every member is healthy; `EtcdUnavailable` when there is none. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdServers> {
  etcdBinary();
  const folder = temporaryFolder('etcd');
  const places: MemberPlace[] = [];
  for (let index = 1; index <= (options.members ?? 1); index++) {
    const [port = 0, peerPort = 0] = await freePorts(2);
    const network = options.places?.[index - 1] ?? HERE;
    places.push({ network, name: `member-${index}`, port, peerPort });
  }
  const peers = places.map(
    ({ name, network, peerPort }) => `${name}=http://${network.host}:${peerPort}`,
  );
  const flags = [`--initial-cluster=${peers.join(',')}`, ...(options.args ?? [])];
  const members = places.map((place) => makeMember(place, folder, flags));
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const member of members) member.launch();
    await Promise.all(members.map((member) => member.waitReady()));
  } catch (error) {
    await Promise.all(members.map((member) => member.kill()));
    throw error;
  }
  const endpoints = members.map((member) => member.endpoint);
  return { endpoints, members, stop, [Symbol.asyncDispose]: stop };
}
