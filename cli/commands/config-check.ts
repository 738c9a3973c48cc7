import pc from 'picocolors';

import { formatProblem, type Problem } from '../../common/config/problems.js';
import {
  explainMirrorConfig,
  type ExplainedFlow,
  type ExplainedValue,
  type Explanation,
} from '../../mirror/config/explain.js';
import { explainAgentConfig, isAgentFile } from '../../mirror/config/explain-agent.js';
import { readConfigText, referenceResolver } from '../../mirror/config/read-config.js';
import { parseFlowId } from '../../mirror/flow.js';
import type { CommandRun } from '../command.js';
import { UsageError } from '../errors.js';
import { ExitCode } from '../exit-code.js';
import type { Column, Output } from '../output/output.js';

export interface ConfigCheckOptions {
  file: string;
  /** Show this flow alone. */
  flow: string | undefined;
}

/** Longer values are cut in the table; JSON has them whole. */
const VALUE_SHOWN_MAX = 60;

/** Explains a configuration file without asking any server. */
export const runConfigCheck: CommandRun<ConfigCheckOptions> = async (context, options) => {
  const { output, json, env } = context;
  const source = {
    path: options.file,
    text: await readConfigText(options.file),
    resolveReference: referenceResolver(env),
  };
  const isAgents = isAgentFile(source);
  const explanation = isAgents ? explainAgentConfig(source) : explainMirrorConfig(source);
  const flows = selectFlows(explanation, options.flow);
  const errors = explanation.problems.filter(({ severity }) => severity === 'error');
  if (json) {
    const { clusters, services, problems } = explanation;
    const valid = errors.length === 0;
    output.json({ file: options.file, valid, flows, clusters, services, problems });
  } else {
    if (isAgents) output.line('The file of an agent: flows come from its coordinator.\n');
    for (const flow of flows) printFlow(output, flow);
    for (const { cluster, options: own } of explanation.clusters)
      printValues(output, `cluster ${cluster}`, own);
    printValues(output, 'this process', explanation.services);
    printProblems(output, explanation.problems);
  }
  return errors.length === 0 ? ExitCode.ok : ExitCode.usage;
};

function selectFlows({ flows }: Explanation, wanted: string | undefined): readonly ExplainedFlow[] {
  if (wanted === undefined) return flows;
  const id = parseFlowId(wanted);
  const found = flows.filter(({ flow }) => flow === id);
  if (found.length > 0) return found;
  const known = flows.map(({ flow }) => flow).join(', ');
  throw new UsageError(`the file has no flow ${id}`, {
    hint: known === '' ? 'it names no flow at all' : `it has ${known}`,
  });
}

function printFlow(output: Output, { flow, enabled, options, clients }: ExplainedFlow): void {
  output.line(`${pc.bold(flow)}  ${enabled ? 'enabled' : 'disabled'}`);
  if (!enabled) {
    // Its heartbeats are all that such a flow may do: what is set for it is enough to know.
    const set = options.filter(({ scope }) => scope === 'flow');
    if (set.length > 0) output.table(columns, set);
    output.line();
    return;
  }
  output.table(columns, options);
  for (const [name, values] of Object.entries(clients)) {
    if (values.length === 0) continue;
    output.line();
    output.line(`${flow}, ${name}`);
    output.table(columns, values);
  }
  output.line();
}

function printValues(output: Output, title: string, values: readonly ExplainedValue[]): void {
  if (values.length === 0) return;
  output.line(pc.bold(title));
  output.table(columns, values);
  output.line();
}

function printProblems(output: Output, problems: readonly Problem[]): void {
  for (const problem of problems) {
    const line = formatProblem(problem);
    output.line(problem.severity === 'error' ? pc.red(line) : pc.yellow(line));
  }
  const count = (severity: Problem['severity']): number =>
    problems.filter((problem) => problem.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const verdict = errors === 0 ? 'The file can be used' : 'The file cannot be used';
  output.line(`${verdict}: ${errors} errors, ${warnings} warnings.`);
}

const columns: readonly Column<ExplainedValue>[] = [
  { header: 'KEY', value: ({ key }) => key },
  { header: 'VALUE', value: ({ value }) => shorten(value) },
  { header: 'SOURCE', value: sourceOf },
];

function shorten(value: string): string {
  return value.length > VALUE_SHOWN_MAX ? `${value.slice(0, VALUE_SHOWN_MAX)}…` : value;
}

/** `mm2.properties:12 us-east->us-west.topics`, or what a default is. */
function sourceOf({ from, scope }: ExplainedValue): string {
  if (from === null) return pc.dim('default');
  const inherited = { flow: '', cluster: ' (of the cluster)', file: ' (of the whole file)' };
  const note = scope === 'default' ? '' : inherited[scope];
  return `${from.file}:${from.line} ${from.key}${note}`;
}
