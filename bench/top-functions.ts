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

/** The functions with the most time of their own, callees left out. */
export function topFunctions(profile: CpuProfile, count: number): HotFunction[] {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const times = new Map<string, { name: string; place: string; micros: number }>();
  let total = 0;
  for (const [index, id] of profile.samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || IDLE.has(frame.functionName)) continue;
    const micros = Math.max(0, profile.timeDeltas[index] ?? 0);
    total += micros;
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
    const place = placeOf(frame.url, frame.lineNumber);
    const key = `${name} ${place}`;
    const entry = times.get(key) ?? { name, place, micros: 0 };
    times.set(key, entry);
    entry.micros += micros;
  }
  return [...times.values()]
    .sort((left, right) => right.micros - left.micros)
    .slice(0, count)
    .map(({ name, place, micros }) => ({ name, place, share: micros / total }));
}

/** Without what is of this machine alone: the folder of the compiled output. */
function placeOf(url: string, line: number): string {
  if (url === '') return 'native';
  if (url.startsWith('node:')) return url;
  const path = url.replace(/^file:\/\//, '');
  const packaged = path.lastIndexOf('/node_modules/');
  if (packaged >= 0) return path.slice(packaged + '/node_modules/'.length);
  const own = /(?:^|\/)((?:agent|common|coordinator|kafka|mirror|mirror-maker|proto)\/.*)\.js$/;
  const match = own.exec(path);
  return `${match?.[1] ?? path.slice(path.lastIndexOf('/') + 1)}.js:${line + 1}`;
}
