import { parseArgs, type ParseArgsConfig } from 'node:util';
import { SUBJECTS, type Subject } from './results.js';

export const ROUNDS_DEFAULT = 3;
const ROUNDS_MAX = 99;

/** Of `--agents`: its topics have as many partitions each. */
export const AGENTS_TOPICS = 10;
export const AGENTS_PARTITIONS_MAX = 10_000;

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
                with --partitions N: so many, a multiple of ten
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
  const values = parse(argv, COPY_OPTIONS);
  const only = values.only ?? [];
  for (const name of only) {
    if (!workloads.includes(name)) {
      throw new UsageError(`no workload ${name}; there are ${workloads.join(', ')}`);
    }
  }
  const quick = values.quick ?? false;
  const rounds = values.rounds ?? String(quick ? 1 : ROUNDS_DEFAULT);
  if (values.json === '') throw new UsageError('--json takes the name of a file');
  return {
    quick,
    only,
    subjects: subjectsOf(values.subject ?? []),
    rounds: readInteger('--rounds', rounds, { min: 1, max: ROUNDS_MAX }),
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

export interface AgentsOptions {
  readonly quick: boolean;
  /** Undefined for what is usual. */
  readonly partitions: number | undefined;
}

/** The command line of `--agents`. */
export function parseAgentsOptions(argv: readonly string[]): AgentsOptions {
  const { quick = false, partitions } = parse(argv, AGENTS_OPTIONS);
  if (partitions === undefined) return { quick, partitions };
  const range = { min: AGENTS_TOPICS, max: AGENTS_PARTITIONS_MAX, step: AGENTS_TOPICS };
  return { quick, partitions: readInteger('--partitions', partitions, range) };
}

/** `--scale` takes no options. */
export function parseScaleOptions(argv: readonly string[]): void {
  parse(argv, { scale: FLAG });
}

function readInteger(
  option: string,
  text: string,
  { min, max, step = 1 }: { min: number; max: number; step?: number },
): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max && value % step === 0) return value;
  const kind = step === 1 ? 'a number' : `a multiple of ${step}`;
  throw new UsageError(`${option} takes ${kind} from ${min} to ${max}, not '${text}'`);
}

const FLAG = { type: 'boolean' } as const;
const TEXT = { type: 'string' } as const;
const TEXTS = { type: 'string', multiple: true } as const;

const COPY_OPTIONS = {
  ...{ quick: FLAG, only: TEXTS, subject: TEXTS, rounds: TEXT, json: TEXT },
  ...{ profile: FLAG, micro: FLAG },
};

const AGENTS_OPTIONS = { agents: FLAG, quick: FLAG, partitions: TEXT };

type Options = NonNullable<ParseArgsConfig['options']>;

function parse<O extends Options>(
  argv: readonly string[],
  options: O,
): ReturnType<typeof parseArgs<{ args: string[]; options: O }>>['values'] {
  try {
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}
