import type { ScaleShape } from '../../test/coordinator/core/scale-world.js';
import { measureLeader } from './measure-leader.js';

/** One shape in a process of its own, so that its size is that of nothing else. */
const shape = JSON.parse(process.argv[2] ?? '') as ScaleShape;
process.stdout.write(`${JSON.stringify(await measureLeader(shape))}\n`);
