import type { HotFunction } from './results.js';

/** The part of V8's .cpuprofile that tells where the time went. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number; // from 0
    };
  }[];
  /** Ids of the nodes in which the process was seen. */
  readonly samples: readonly number[];
  /** Microseconds that passed before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Waiting is not work. */
const IDLE: ReadonlySet<string> = new Set(['(idle)', '(root)']);

/**
 * The functions with the most time of their own, callees left out. Files below `root` are named
 * from there.
 */
export function topFunctions(
  profile: CpuProfile,
  options: { readonly root: string; readonly count: number },
): HotFunction[] {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const times = new Map<string, { name: string; place: string; micros: number }>();
  let total = 0;
  for (const [index, id] of profile.samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || IDLE.has(frame.functionName)) continue;
    const micros = Math.max(0, profile.timeDeltas[index] ?? 0);
    total += micros;
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
    const place = placeOf(frame, options.root);
    const key = `${name} ${place}`;
    const entry = times.get(key) ?? { name, place, micros: 0 };
    times.set(key, entry);
    entry.micros += micros;
  }
  return [...times.values()]
    .sort((left, right) => right.micros - left.micros)
    .slice(0, options.count)
    .map(({ name, place, micros }) => ({ name, place, share: micros / total }));
}

function placeOf(frame: CpuProfile['nodes'][number]['callFrame'], root: string): string {
  const { url, lineNumber } = frame;
  if (url === '') return 'native';
  const path = url.replace(/^file:\/\//, '');
  const packaged = path.lastIndexOf('/node_modules/');
  const start = packaged >= 0 ? packaged + '/node_modules/'.length : root.length + 1;
  const known = packaged >= 0 || path.startsWith(`${root}/`);
  return `${known ? path.slice(start) : path}:${lineNumber + 1}`;
}
