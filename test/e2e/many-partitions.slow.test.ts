import { it } from 'node:test';
import { checkManyPartitions } from './many-partitions.js';

it('copies each of ten thousand partitions, in bounded memory, and idles when there is nothing', async () => {
  await checkManyPartitions({ partitions: 10_000, brokerHeapMb: 1_024, settleMsMax: 600_000 });
});
