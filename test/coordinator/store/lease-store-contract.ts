import { afterEach, beforeEach, describe } from 'node:test';
import { ContractContext } from './contract/contract-context.js';
import { describeDocuments } from './contract/documents.js';
import { describeElection } from './contract/election.js';
import { describeFencing } from './contract/fencing.js';
import { describeLeases } from './contract/leases.js';
import { describeOutages } from './contract/outages.js';
import { describeSessions } from './contract/sessions.js';
import type { StoreWorld } from './store-world.js';

/** What every LeaseStore does, whatever is below it. */
export function describeLeaseStore(name: string, makeWorld: () => Promise<StoreWorld>): void {
  describe(name, () => {
    const context = new ContractContext();
    beforeEach(async () => {
      context.world = await makeWorld();
    });
    afterEach(() => context.world.close());

    describeElection(context);
    describeFencing(context);
    describeSessions(context);
    describeLeases(context);
    describeDocuments(context);
    describeOutages(context);
  });
}
