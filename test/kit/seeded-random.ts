/** Numbers in [0, 1) that follow from a seed (mulberry32): the same everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An integer from [0, below). */
export function randomInteger(random: () => number, below: number): number {
  return Math.floor(random() * below);
}

/** The draws that tests make, from one seed. */
export class Seeded {
  /** From [0, 1). */
  readonly next: () => number;

  constructor(seed: number) {
    this.next = seededRandom(seed);
  }

  /** An integer from [0, bound). */
  below(bound: number): number {
    return randomInteger(this.next, bound);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** The seed of the random tests of this process; run again with SEED=n to see a failure again. */
export function seedFor(what: string): number {
  const seed = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);
  console.log(`# ${what}: SEED=${seed}`);
  return seed;
}
