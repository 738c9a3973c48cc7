import { parseFlowId } from '../../mirror/flow.js';
import { SteeringAct, type SteerResult } from '../../proto/gen/mirror/v1/operator.js';
import type { CommandRun } from '../command.js';
import { UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import { formatCount } from '../output/format.js';

export interface PauseOptions {
  flow: string;
  topics: string[];
}

export interface ExcludeOptions extends PauseOptions {
  undo: boolean;
}

export interface DrainOptions {
  agent: string;
  undo: boolean;
}

export const runPause: CommandRun<PauseOptions> = async (context, options) => {
  const { client, output, json, operator } = context;
  const flow = parseFlowId(options.flow);
  const { topics } = options;
  const result = await client.steer({ flow, act: SteeringAct.PAUSE, topics, operator });
  if (json) output.json(document('pause', flow, result));
  else {
    const what = topics.length === 0 ? `All topics of ${flow} are` : named(result, 'is', 'are');
    output.line(`${what} paused${result.changed ? '' : ' already'}; groups are still followed.`);
    for (const line of stillHeld(result)) output.line(line);
    output.line(`Undo it with 'mirrorctl resume ${shellFlow(flow)}'.`);
  }
  return Object.keys(result.held).length === 0 ? ExitCode.ok : ExitCode.degraded;
};

export const runExclude: CommandRun<ExcludeOptions> = async (context, options) => {
  const { client, output, json, operator } = context;
  const flow = parseFlowId(options.flow);
  const { topics, undo } = options;
  // All topics would leave a flow that does nothing: that is a pause.
  if (!undo && topics.length === 0) {
    throw new UsageError('name the topics to leave out with --topics', {
      hint: `'mirrorctl pause ${shellFlow(flow)}' stops the whole flow`,
    });
  }
  const act = undo ? SteeringAct.INCLUDE : SteeringAct.EXCLUDE;
  const result = await client.steer({ flow, act, topics, operator });
  if (json) output.json(document(undo ? 'include' : 'exclude', flow, result));
  else {
    const already = result.changed ? '' : ' already';
    output.line(`${named(result, 'is', 'are')} ${undo ? 'taken in again' : 'left out'}${already}.`);
    for (const line of stillHeld(result)) output.line(line);
    if (!undo) output.line('What was copied stays on the target.');
  }
  return Object.keys(result.held).length === 0 ? ExitCode.ok : ExitCode.degraded;
};

export const runDrain: CommandRun<DrainOptions> = async (context, { agent, undo }) => {
  const { client, output, json, operator } = context;
  const result = await client.drainAgent({ agentId: agent, undo, operator });
  const { changed, items, stuckFlows } = result;
  if (json) output.json({ agent, undo, changed, items, stuckFlows });
  else if (undo) output.line(`${agent} gets work again${changed ? '' : ': it was not drained'}.`);
  else if (items === 0) output.line(`${agent} holds nothing now, and gets no work: stop it.`);
  else {
    output.line(`${agent} still holds ${formatCount(items)} items, and gets no new ones.`);
    if (stuckFlows.length > 0)
      output.line(`No other agent can work for ${stuckFlows.join(', ')}: connect one first.`);
    else output.line("They are on their way; look with 'mirrorctl status', or call again.");
  }
  return undo || items === 0 ? ExitCode.ok : ExitCode.degraded;
};

function document(act: string, flow: string, result: SteerResult): unknown {
  const { changed, topics, held, steering } = result;
  return { act, flow, changed, topics, held, steering: steering.map(ruleDocument) };
}

/** One rule as `--json` shows it. */
export function ruleDocument({ act, topics, operator, atMs }: SteerResult['steering'][number]): {
  act: string;
} {
  const rule = { topics, operator, atMs };
  return { act: ACTS[act], ...rule };
}

const ACTS: Readonly<Record<SteeringAct, string>> = {
  [SteeringAct.UNSPECIFIED]: 'unknown',
  [SteeringAct.PAUSE]: 'pause',
  [SteeringAct.RESUME]: 'resume',
  [SteeringAct.EXCLUDE]: 'exclude',
  [SteeringAct.INCLUDE]: 'include',
};

function named({ topics }: SteerResult, one: string, many: string): string {
  if (topics.length === 0) return 'No topic matches now; whatever will match is';
  const [first] = topics;
  return topics.length === 1 ? `${first} ${one}` : `${formatCount(topics.length)} topics ${many}`;
}

function stillHeld({ held }: SteerResult): string[] {
  return Object.entries(held).map(
    ([agent, count]) =>
      `${agent} has not let go of ${formatCount(count)} partitions yet: if it cannot be reached it copies on.`,
  );
}

const shellFlow = (flow: string): string => flow.replace('->', ':');
