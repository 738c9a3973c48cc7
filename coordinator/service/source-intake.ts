import type { CoordinationCore } from '../core/coordination-core.js';
import type { SourceFacts } from '../target/source-facts.js';
import type { AgentSays } from './messages.js';

export type SourceReport = Extract<
  AgentSays,
  { kind: 'topic-configs' | 'source-acls' | 'missing-topics' }
>;

/** The part of a flow's runtime that is about its source. */
export interface SourceFlow {
  readonly id: string;
  readonly facts: SourceFacts;
  readonly meters: Map<string, unknown>;
}

/** Takes what the agent that holds a flow's site says of the source. */
export function takeSourceReport(
  flow: SourceFlow,
  report: SourceReport,
  core: Pick<CoordinationCore, 'state'>,
): void {
  const { facts, meters } = flow;
  switch (report.kind) {
    case 'topic-configs':
      facts.takeConfigs(report.topics, report.wholeLook);
      return;
    case 'missing-topics':
      facts.takeMissing(report.gone, report.hidden);
      // Said again with each look: by then nobody holds a partition of them any more.
      for (const topic of report.gone)
        if (core.state.flows.get(flow.id)?.topics.has(topic) !== true) meters.delete(topic);
      return;
    case 'source-acls':
      takeAcls(facts, report);
      return;
    default:
      report satisfies never;
  }
}

function takeAcls(facts: SourceFacts, report: SourceReport & { kind: 'source-acls' }): void {
  const { look, bindings, problem } = report;
  switch (look) {
    case 'part':
    case 'done':
      facts.takeAcls(bindings, look === 'done');
      return;
    case 'unchanged':
      facts.aclsDue();
      return;
    case 'no-authorizer':
    case 'refused':
      facts.aclsUnavailable(problem);
      return;
    default:
      look satisfies never;
  }
}
