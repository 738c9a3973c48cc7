/**
 * `npm run chaos` after scripts/chaos.mjs has built and fetched everything: see chaos-options.ts.
 */
import { systemClock } from '../../common/clock.js';
import {
  CHAOS_HELP,
  ChaosUsageError,
  parseChaosOptions,
  reproduceCommand,
  type ChaosOptions,
} from './chaos-options.js';
import { FaultRunner } from './fault-runner.js';
import { Network } from './network.js';
import { isInOwnNetwork, NAMESPACES_DENIED, runInOwnNetwork, unshareFlags } from './own-network.js';
import { scheduleFaults } from './schedule.js';
import { SCENARIOS } from './scenarios.js';
import { makeTopology, nodesOf } from './topology.js';
import { Traffic } from './traffic.js';
import { judge, settleHolders } from './verdict.js';
import { World } from './world.js';

const EXIT_USAGE = 2;
const MINUTE_MS = 60_000;
const SEED_MAX = 1_000_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function disturb(world: World, network: Network, options: ChaosOptions): Promise<void> {
  const { seed, minutes, gapMsMax, scenario } = options;
  if (scenario !== undefined) {
    await SCENARIOS[scenario]({ world, network, say });
    return;
  }
  const faults = scheduleFaults({
    ...{ seed, gapMsMax, topology: world.topology },
    durationMs: minutes * MINUTE_MS,
  });
  say(`${faults.length} faults in ${minutes} minutes`);
  await new FaultRunner({ world, network, say }).run(faults);
}

/** Returns the exit code; what went wrong was said. */
async function chaos(options: ChaosOptions): Promise<number> {
  const again = reproduceCommand(options);
  say(`again: ${again}`);
  const topology = makeTopology(options.etcdMembers);
  const network = await Network.open(nodesOf(topology));
  const world = await World.open(network, topology);
  let failure: string | undefined;
  try {
    const traffic = new Traffic(world.source, world.target);
    await traffic.start();
    await world.startPrograms();
    await settleHolders(world);
    const startedMs = systemClock.nowMs();
    await disturb(world, network, options);
    const healedMs = systemClock.nowMs();
    const records = await judge(world, traffic, say);
    const [faulty, whole] = [healedMs - startedMs, systemClock.nowMs() - healedMs].map((ms) =>
      (ms / 1_000).toFixed(0),
    );
    say(`PASS: ${records} records compared; faults for ${faulty} s, judged in ${whole} s`);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(`FAIL: ${failure}`);
  }
  if (failure !== undefined || options.keepLogs) say(`logs: ${world.keepLogs()}`);
  if (failure !== undefined) say(`again: ${again}`);
  await world.close();
  return failure === undefined ? 0 : 1;
}

async function main(): Promise<number> {
  const randomSeed = (): number => Math.floor(Math.random() * SEED_MAX);
  let options: ChaosOptions | undefined;
  try {
    options = parseChaosOptions(process.argv.slice(2), randomSeed);
  } catch (error) {
    if (!(error instanceof ChaosUsageError)) throw error;
    process.stderr.write(`chaos: ${error.message}; try npm run chaos -- --help\n`);
    return EXIT_USAGE;
  }
  if (options === undefined) {
    process.stdout.write(CHAOS_HELP);
    return 0;
  }
  if (isInOwnNetwork()) return await chaos(options);
  const flags = unshareFlags();
  if (flags === undefined) {
    process.stderr.write(`chaos: ${NAMESPACES_DENIED}\n`);
    return EXIT_USAGE;
  }
  return await runInOwnNetwork(flags);
}

process.exit(await main());
