import { describe, it } from 'node:test';

import { formatStamp } from '../../../coordinator/target/sync-decision.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';
import { SyncWorld } from './sync-world.js';

const HISTORIES = 1_500;
const STEPS = 120;

describe('group offsets of coordinators that take over from each other', () => {
  const stamp = formatStamp({ sourceOffset: 7n, targetTopicId: 'of-another-flow' });
  for (const [whose, committed] of [
    ['without metadata', ''],
    ['with metadata of the application', 'AgAAAZ'],
    ['with the stamp of the flow before', stamp],
  ] as const) {
    it(`follow the source back and forth, and no older one comes after a newer one: ${whose}`, () => {
      const random = new Seeded(seedFor(`group offsets ${whose}`));
      for (let history = 0; history < HISTORIES; history += 1) {
        const world = new SyncWorld(random, committed);
        for (let step = 0; step < STEPS; step += 1) world.step();
        world.settle();
      }
    });
  }
});
