import { InProcessWorld } from './in-process-world.js';
import { describeLeaseStore } from './lease-store-contract.js';

describeLeaseStore('InProcessLeaseStore', async () => new InProcessWorld());
