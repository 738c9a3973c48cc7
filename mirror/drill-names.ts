const PREFIX = 'mirrorctl-drill.';

/**
 * What a rehearsal calls its topic on the source, and its group. It carries the target, so that no
 * other flow takes it for its own, not even one that goes the other way under the same names.
 */
export function drillName(target: string, id: string): string {
  return `${PREFIX}${target}.${id}`;
}

/** Whether a topic or group belongs to rehearsals of flows to this target: mirrored by no filter. */
export function isDrillName(target: string, name: string): boolean {
  return name.startsWith(`${PREFIX}${target}.`);
}

/** Whether it belongs to a rehearsal of any flow, or is a copy of one: no other flow may take it. */
export function isAnyDrillName(name: string): boolean {
  return name.includes(PREFIX);
}
