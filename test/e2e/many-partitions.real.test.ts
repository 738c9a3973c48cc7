import { it } from 'node:test';
import { checkManyPartitions } from './many-partitions.js';

// Ten thousand are in many-partitions.slow.test.ts.
it('copies each of a thousand partitions, in bounded memory, and idles when there is nothing', async () => {
  await checkManyPartitions({ partitions: 1_000, brokerHeapMb: 320, settleMsMax: 120_000 });
});
