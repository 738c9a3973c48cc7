import type { Coordination } from './coordination.js';
import type { FlowRuntime } from './flow-runtime.js';
import type { GroupSummaryView, OpenedFlowTarget, TranslatedView } from './flow-target-port.js';

export interface TranslateRequest {
  readonly flow: string;
  readonly group: string;
  /** From the target's committed offsets to the source's. */
  readonly reverse: boolean;
}

/** A position on both sides, with what the coordinator knows of the source besides. */
export interface TranslatedOffsetView extends TranslatedView {
  /** Records on the source from the position to the end; undefined if either is unknown. */
  readonly sourceLag: bigint | undefined;
}

export interface GroupView extends Omit<GroupSummaryView, 'positions'> {
  readonly flow: string;
  readonly partitions: number;
  /** Of these the map cannot say where they are on the target. */
  readonly unknownPartitions: number;
  /** Sums over what is known. */
  readonly sourceLag: bigint | undefined;
  readonly targetLag: bigint | undefined;
}

/** Throws UnknownFlowError, UnknownGroupError. */
export async function translateGroupOffsets<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  request: TranslateRequest,
  signal: AbortSignal,
): Promise<TranslatedOffsetView[]> {
  const flow = coordination.flow(request.flow);
  const { groups } = coordination.opened(request.flow).target;
  const found = request.reverse
    ? await groups.toSource(request.group, signal)
    : await groups.toTarget(request.group, signal);
  return found
    .map((each) => withSourceLag(flow, each))
    .sort((a, b) => compare(a.topic, b.topic) || a.partition - b.partition);
}

/** The groups of one flow, or of all that work if `flow` is empty. */
export async function listGroups<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  flow: string,
  signal: AbortSignal,
): Promise<GroupView[]> {
  const opened = [...coordination.flows.values()].filter(({ target }) => target !== undefined);
  const flows = flow === '' ? opened : [coordination.flow(flow)];
  const views: GroupView[] = [];
  for (const each of flows) {
    const { groups } = coordination.opened(each.id).target;
    for (const group of await groups.list(signal)) views.push(sumUp(each, group));
  }
  return views.sort((a, b) => compare(a.flow, b.flow) || compare(a.group, b.group));
}

function sumUp<Opened extends OpenedFlowTarget>(
  flow: FlowRuntime<Opened>,
  summary: GroupSummaryView,
): GroupView {
  const { group, targetState, sync } = summary;
  const positions = summary.positions.map((each) => withSourceLag(flow, each));
  return {
    ...{ flow: flow.id, group, targetState, sync },
    partitions: positions.length,
    unknownPartitions: positions.filter(({ targetOffset }) => targetOffset === undefined).length,
    sourceLag: sum(positions.map(({ sourceLag }) => sourceLag)),
    targetLag: sum(positions.map(({ targetLag }) => targetLag)),
  };
}

function withSourceLag<Opened extends OpenedFlowTarget>(
  flow: FlowRuntime<Opened>,
  view: TranslatedView,
): TranslatedOffsetView {
  const { topic, partition, sourceOffset } = view;
  const meter = flow.meters.get(topic)?.get(partition);
  const position = aheadOfCopy(view, meter?.sourceNext);
  const sourceEnd = meter?.sourceEnd;
  if (sourceEnd === undefined || sourceOffset === undefined) {
    return { ...position, sourceLag: undefined };
  }
  return { ...position, sourceLag: sourceEnd > sourceOffset ? sourceEnd - sourceOffset : 0n };
}

/** The map ends with a record. Markers may follow that the copier has gone past: they repeat nothing. */
function aheadOfCopy(view: TranslatedView, copiedTo: bigint | undefined): TranslatedView {
  const { mappedTo, sourceOffset, earlierByMax } = view;
  if (mappedTo === undefined || sourceOffset === undefined || earlierByMax === undefined)
    return view;
  const known = copiedTo !== undefined && copiedTo > mappedTo ? copiedTo : mappedTo;
  if (sourceOffset <= known) return view;
  const note = `${sourceOffset - known} offsets ahead of what is copied`;
  return { ...view, earlierByMax: earlierByMax + sourceOffset - known, note };
}

/** One unknown makes the sum unknown: it would look like the whole. */
function sum(values: readonly (bigint | undefined)[]): bigint | undefined {
  let total = 0n;
  for (const value of values) {
    if (value === undefined) return undefined;
    total += value;
  }
  return total;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
