import { parseArgs } from 'node:util';
import { SUBJECTS, type Subject } from './results.js';

export const ROUNDS_DEFAULT = 3;
const ROUNDS_MAX = 99;

export const HELP = `npm run bench -- [--quick] [--only NAME]... [--subject N]... [--rounds N] [--json FILE] [--profile] [--micro] [--scale] [--agents]

Runs mirror-maker, MirrorMaker 2 and a producer of the same batches ("broker limit") on the same
brokers in turn, and prints what each needed. A full run writes docs/benchmarks.json and .md.

  --quick       one round of some workloads, with little in them: shows that the benchmark works,
                and measures nothing
  --only NAME   only this workload; may be repeated
  --subject N   only agent, mm2 or limit; may be repeated
  --rounds N    rounds of each workload (${ROUNDS_DEFAULT})
  --json FILE   write the results there, and the tables beside it as .md
  --profile     profile mirror-maker on every workload, not only where a goal is missed
  --micro       only the inner loops, without brokers
  --scale       only the coordinator's core, up to a million partitions; writes docs/scale.md
  --agents      only coordination: 20 agents, a coordinator and etcd with ten thousand partitions, and
                what they say to each other; writes its part of docs/scale.md. With --quick: 3 and 300,
                with --partitions N: so many
`;

export interface BenchOptions {
  readonly quick: boolean;
  /** Names of workloads; empty for all. */
  readonly only: readonly string[];
  readonly subjects: readonly Subject[];
  readonly rounds: number;
  readonly jsonFile: string | undefined;
  readonly profile: boolean;
  readonly micro: boolean;
}

/** Thrown for a command line that makes no sense. */
export class UsageError extends Error {}

export function parseBenchOptions(
  argv: readonly string[],
  workloads: readonly string[],
): BenchOptions {
  const values = parse(argv);
  const only = values.only ?? [];
  for (const name of only) {
    if (!workloads.includes(name)) {
      throw new UsageError(`no workload ${name}; there are ${workloads.join(', ')}`);
    }
  }
  const quick = values.quick ?? false;
  const rounds = Number(values.rounds ?? (quick ? 1 : ROUNDS_DEFAULT));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new UsageError(`--rounds takes a number from 1 to ${ROUNDS_MAX}`);
  }
  return {
    quick,
    only,
    subjects: subjectsOf(values.subject ?? []),
    rounds,
    jsonFile: values.json,
    profile: values.profile ?? false,
    micro: values.micro ?? false,
  };
}

function subjectsOf(names: readonly string[]): readonly Subject[] {
  for (const name of names) {
    if (!SUBJECTS.some((subject) => subject === name)) {
      throw new UsageError(`no subject ${name}; there are ${SUBJECTS.join(', ')}`);
    }
  }
  return names.length === 0 ? SUBJECTS : SUBJECTS.filter((subject) => names.includes(subject));
}

interface Values {
  subject?: string[];
  quick?: boolean;
  only?: string[];
  rounds?: string;
  json?: string;
  profile?: boolean;
  micro?: boolean;
}

function parse(argv: readonly string[]): Values {
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        quick: flag,
        only: { type: 'string', multiple: true },
        subject: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        json: { type: 'string' },
        profile: flag,
        micro: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}
