import { failedBackFlowId } from '../../mirror/failback-flow.js';
import type { CoreState } from '../core/state.js';
import type { AgentSession } from './agent-directory.js';
import type { SiteAgent } from './site-tasks.js';

/**
 * Connected agents that reach both clusters of a flow: first the holder of its site work, which is
 * warm there. Others will do as well: of a promoted flow nobody holds any work, and its source may
 * have come back.
 */
export function siteAgents(
  state: CoreState,
  sessions: ReadonlyMap<string, AgentSession>,
  flowId: string,
): SiteAgent[] {
  // A failback asks before its copy is a flow: whoever does the flow's work can do the copy's.
  const flow = state.flows.get(failedBackFlowId(flowId) ?? flowId);
  if (flow === undefined) return [];
  const holder = flow.site.holder?.sessionId;
  const able: SiteAgent[] = [];
  for (const agent of state.agents.values()) {
    const { connected, draining, closing, clusters, sessionId } = agent;
    if (!connected || draining || closing) continue;
    if (!clusters.has(flow.source) || !clusters.has(flow.target)) continue;
    const session = sessions.get(sessionId);
    if (session?.link === undefined) continue;
    const { agentId, version, siteTaskKinds, link } = session;
    const one = { agentId, version, siteTaskKinds, link };
    if (sessionId === holder) able.unshift(one);
    else able.push(one);
  }
  return able;
}
