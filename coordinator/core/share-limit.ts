/**
 * How a flow's limit is shared among the agents that copy it: max-min fair by what each has use for. An
 * agent that its share holds back has use for any amount; any other for what it was measured to take, and
 * some more so that it can grow until it is heard of again. What nobody has use for is spread evenly.
 */

/** An agent that is not held back gets this many times what it takes. */
const GROWTH = 1.5;

/** What is shared evenly whatever is measured: an idle agent's first records must not wait for a share. */
const EVEN_FRACTION = 0.1;

export interface LimitHolder {
  /** Partitions of the flow that it holds. */
  readonly partitions: number;
  /** As measured of late. */
  readonly bytesPerSecond: number;
  /** Whether the limit made it wait since it was last heard of. */
  readonly heldBack: boolean;
}

/** Whole bytes per second of each holder, in order; their sum is not above the limit. */
export function shareLimit(limit: number, holders: readonly LimitHolder[]): number[] {
  if (holders.length === 0) return [];
  const even = (limit * EVEN_FRACTION) / holders.length;
  const shares = holders.map(() => even);
  let left = limit - even * holders.length;
  const needs = holders.map(({ heldBack, bytesPerSecond }, index) => ({
    index,
    need: heldBack ? Infinity : Math.max(0, bytesPerSecond * GROWTH - even),
  }));
  // Those of little need first: what they leave is there for the others.
  const weight = ({ index }: { index: number }): number => Math.max(1, holders[index]!.partitions);
  needs.sort((a, b) => a.need / weight(a) - b.need / weight(b));
  let weights = needs.reduce((sum, each) => sum + weight(each), 0);
  for (const each of needs) {
    const given = Math.min(each.need, (left * weight(each)) / weights);
    shares[each.index]! += given;
    left -= given;
    weights -= weight(each);
  }
  return shares.map((share) => Math.max(1, Math.floor(share + left / holders.length)));
}
