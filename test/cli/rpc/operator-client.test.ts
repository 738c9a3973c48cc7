import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROMOTE_PLAN_MS } from '../../../cli/rpc/operator-client.js';
import { PRODUCERS_LOOK_MS_MAX } from '../../../coordinator/promotion/active-producers.js';
import { PROBE_MS_MAX } from '../../../coordinator/service/probe-source.js';
import { REPORT_GROUPS_MS_MAX } from '../../../coordinator/service/report-groups.js';
import { REQUEST_TIMEOUT_MS_DEFAULT } from '../../../kafka/client/broker-connection.js';

describe('OperatorClient', () => {
  it('waits for the plan of a promotion as long as a coordinator may take for it', () => {
    // Agents are waited for, asked for the source and for its groups; then a broker of the target.
    const agentsMs = 2 * PROBE_MS_MAX + REPORT_GROUPS_MS_MAX + PRODUCERS_LOOK_MS_MAX;
    assert.ok(PROMOTE_PLAN_MS > agentsMs + 2 * REQUEST_TIMEOUT_MS_DEFAULT);
  });
});
