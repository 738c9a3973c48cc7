import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ScaleShape } from '../../test/coordinator/core/scale-world.js';
import { parseScaleOptions } from '../bench-options.js';
import { commit, describeMachine } from '../machine.js';
import { runProgram } from '../run-program.js';
import type { LeaderResult } from './measure-leader.js';
import { writeSimulatedPart } from './scale-document.js';
import { measureScale, type ScaleResult } from './measure-scale.js';
import { scaleMarkdown } from './scale-markdown.js';

/** Agents grow with partitions, a hundred to each; the last is what the design asks for. */
const SIZES = [
  { partitions: 10_000, agents: 100 },
  { partitions: 100_000, agents: 1_000 },
  { partitions: 1_000_000, agents: 10_000 },
] as const;

/** One big cluster that all agents share, and sites with ten agents of their own each. */
const shapes: ScaleShape[] = [false, true].flatMap((sites) =>
  SIZES.map((size) => ({ ...size, flows: sites ? size.agents / 10 : 10, sites })),
);

function main(): number {
  const results: ScaleResult[] = [];
  const leaders: LeaderResult[] = [];
  for (const shape of shapes) {
    const result = measureScale(shape);
    results.push(result);
    const leader = measureLeaderAlone(shape);
    leaders.push(leader);
    process.stdout.write(`${JSON.stringify(result)}\n${JSON.stringify(leader)}\n`);
  }
  const machine = describeMachine();
  const text = scaleMarkdown({
    ...{ results, leaders, machine },
    ...{ node: process.versions.node, commit: commit() },
  });
  process.stdout.write(`\n${text}`);
  writeSimulatedPart(text);
  return 0;
}

/** In a process of its own, so that its size is that of nothing else; as it is run, without flags of its own. */
function measureLeaderAlone(shape: ScaleShape): LeaderResult {
  const program = fileURLToPath(new URL('leader.js', import.meta.url));
  const said = execFileSync(process.execPath, ['--expose-gc', program, JSON.stringify(shape)], {
    encoding: 'utf8',
  });
  return JSON.parse(said) as LeaderResult;
}

await runProgram((argv) => {
  parseScaleOptions(argv);
  return Promise.resolve(main());
});
