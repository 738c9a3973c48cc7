import type { SourceFacts } from '../target/source-facts.js';
import type { AgentSays } from './messages.js';

export type SourceReport = Extract<
  AgentSays,
  { kind: 'topic-configs' | 'source-acls' | 'missing-topics' }
>;

/** Takes what the agent that holds a flow's site says of the source. */
export function takeSourceReport(facts: SourceFacts, report: SourceReport): void {
  switch (report.kind) {
    case 'topic-configs':
      facts.takeConfigs(report.topics, report.wholeLook);
      return;
    case 'missing-topics':
      facts.takeMissing(report.gone, report.hidden);
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
