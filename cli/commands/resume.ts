import { parseFlowId } from '../../mirror/flow.js';
import { SteeringAct, type ResumedPartition } from '../../proto/gen/mirror/v1/operator.js';
import type { CommandRun } from '../command.js';
import { ExitCode } from '../exit-code.js';
import { NONE } from '../output/format.js';
import type { Column } from '../output/output.js';

export interface ResumeOptions {
  flow: string;
  topics: string[];
  accept: string;
}

export const runResume: CommandRun<ResumeOptions> = async (context, options) => {
  const { client, output, json, operator } = context;
  const flow = parseFlowId(options.flow);
  const { topics, accept } = options;
  // Accepting a halt is a decision about that halt, and about nothing else.
  const unpaused =
    accept === '' &&
    (await client.steer({ flow, act: SteeringAct.RESUME, topics, operator })).changed;
  const { resumed } = await client.resume({ flow, topics, accept, operator });
  if (json) {
    output.json({ flow, accept, unpaused, resumed });
    return ExitCode.ok;
  }
  if (unpaused) output.line(`What was paused of ${flow} goes on.`);
  if (resumed.length === 0) {
    if (!unpaused) output.line(`No partition of ${flow} is paused or halted for that.`);
  } else {
    output.table(columns, resumed);
    output.line();
    output.line(`They try again now; look with 'mirrorctl status ${flow.replace('->', ':')}'.`);
  }
  return ExitCode.ok;
};

const columns: readonly Column<ResumedPartition>[] = [
  { header: 'TOPIC', value: (row) => row.topic },
  {
    header: 'PARTITION',
    value: (row) => (row.partition < 0 ? NONE : String(row.partition)),
    align: 'right',
  },
  { header: 'STOOD-STILL-FOR', value: (row) => row.halt?.code ?? NONE },
];
