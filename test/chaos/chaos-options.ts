import { parseArgs } from 'node:util';
import { GAP_MS_MAX } from './schedule.js';
import { SCENARIOS, type ScenarioName } from './scenarios.js';

const MINUTES_MAX = 24 * 60;
const ETCD_MEMBERS: readonly number[] = [1, 3];

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly etcdMembers: number;
  readonly gapMsMax: number;
  /** In place of what the seed says. */
  readonly scenario: ScenarioName | undefined;
  readonly keepLogs: boolean;
}

export const CHAOS_HELP = `npm run chaos -- [--seed N] [--minutes M] [--gap-ms MS] [--etcd 1|3] [--scenario NAME] [--keep-logs]

Two Kafka clusters, etcd, two coordinators and three agents, each in a network namespace of its own,
while traffic flows: kills, freezes, cuts the network between pairs in one direction or both, delays,
sets wall clocks, and takes etcd's quorum away. Then every record is compared, and every partition
must have exactly one live holder. Needs Linux, and root or user namespaces.

  --seed N         which faults, and when; printed, and random unless told
  --minutes M      how long faults go on; 2 unless told
  --gap-ms MS      at most between the beginnings of two faults; 4000 unless told
  --etcd 1|3       members of etcd; 3 unless told
  --scenario NAME  one of: ${Object.keys(SCENARIOS).join(', ')}
  --keep-logs      keep the logs even when all is well

Example: npm run chaos -- --seed 7 --minutes 10
Exit codes: 0 all is well, 1 something is not, 2 usage or namespaces are not permitted.
`;

export class ChaosUsageError extends Error {}

function numberOf(name: string, text: string, isValid: (value: number) => boolean): number {
  const value = Number(text);
  if (text.trim() === '' || !isValid(value)) throw new ChaosUsageError(`bad --${name}: ${text}`);
  return value;
}

function isWholeAndPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

/** What the command line asks for; undefined when it asks for help. Throws `ChaosUsageError`. */
export function parseChaosOptions(
  args: readonly string[],
  randomSeed: () => number,
): ChaosOptions | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = readArgs(() =>
    parseArgs({
      args: [...args],
      options: {
        ...{ seed: text, minutes: text, 'gap-ms': text, etcd: text, scenario: text },
        ...{ 'keep-logs': flag, help: { ...flag, short: 'h' } },
      },
    }),
  );
  if (values.help) return undefined;
  const { scenario } = values;
  if (scenario !== undefined && !Object.hasOwn(SCENARIOS, scenario))
    throw new ChaosUsageError(`no scenario ${scenario}`);
  return {
    seed: numberOf('seed', values.seed ?? String(randomSeed()), Number.isSafeInteger),
    minutes: numberOf('minutes', values.minutes ?? '2', (m) => m > 0 && m <= MINUTES_MAX),
    gapMsMax: numberOf('gap-ms', values['gap-ms'] ?? String(GAP_MS_MAX), isWholeAndPositive),
    etcdMembers: numberOf('etcd', values.etcd ?? '3', (count) => ETCD_MEMBERS.includes(count)),
    scenario: scenario as ScenarioName | undefined,
    keepLogs: values['keep-logs'],
  };
}

function readArgs<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new ChaosUsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The command that does the same again. */
export function reproduceCommand(options: ChaosOptions): string {
  const { seed, minutes, etcdMembers, gapMsMax, scenario } = options;
  if (scenario !== undefined) return `npm run chaos -- --scenario ${scenario}`;
  const gap = gapMsMax === GAP_MS_MAX ? '' : ` --gap-ms ${gapMsMax}`;
  return `npm run chaos -- --seed ${seed} --minutes ${minutes} --etcd ${etcdMembers}${gap}`;
}
