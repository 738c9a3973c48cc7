import { systemClock } from '../../common/clock.js';
import { eventually } from '../kit/eventually.js';
import { checkTranslations, type TranslatedCommit } from '../kit/group-checker.js';
import { assertMirrored, type HistoryRecord } from '../kit/history-checker.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { assertMapped } from '../kit/read-offset-map.js';
import { readTopic } from '../kit/read-topic.js';
import { topicOffsets } from '../kit/topic-offsets.js';
import { checkHolders } from './holders.js';
import { findLagging } from './lagging.js';
import { observeHolders, observePartitions } from './observe.js';
import { GROUP, seenAsClaims, TOPICS, Traffic } from './traffic.js';
import type { World } from './world.js';

/** From the last fault's end: leases that ran out, elections, reconnects, and the copy itself. */
const SETTLED_MS_MAX = 90_000;

/** A look starts `mirrorctl`, or asks every process. */
const LOOK_INTERVAL_MS = 500;

const PARTITIONS = Object.entries(TOPICS).flatMap(([topic, count]) =>
  Array.from({ length: count }, (_, index) => `${topic}-${index}`),
);

/** Waits until every partition has exactly one live holder, by all accounts. */
export async function settleHolders(world: World): Promise<void> {
  let wrong: readonly string[] = ['nothing was seen'];
  const look = async (): Promise<boolean> => {
    try {
      const views = await observeHolders(world);
      // The mirror finds more by itself: the heartbeats that it writes at the source.
      wrong = checkHolders([...new Set([...PARTITIONS, ...views.told.keys()])], views);
    } catch (error) {
      wrong = [String(error)];
    }
    return wrong.length === 0;
  };
  await eventually(look, () => wrong, SETTLED_MS_MAX, LOOK_INTERVAL_MS);
}

/** Waits until everything is copied; for when the writers have stopped. */
async function settleLag(world: World): Promise<void> {
  const ends = await sourceEnds(world);
  let lagging: readonly string[] = [];
  const look = async (): Promise<boolean> => {
    lagging = await observePartitions(world).then(
      (told) => findLagging(ends, told),
      (error: unknown) => [String(error)],
    );
    return lagging.length === 0;
  };
  await eventually(look, () => lagging, SETTLED_MS_MAX, LOOK_INTERVAL_MS);
}

async function sourceEnds(world: World): Promise<Map<string, number>> {
  const admin = connectKafkajs(world.source).admin();
  await admin.connect();
  try {
    const ends = new Map<string, number>();
    for (const topic of Object.keys(TOPICS))
      for (const { partition, high } of await topicOffsets(admin, topic))
        ends.set(`${topic}-${partition}`, Number(high));
    return ends;
  } finally {
    await admin.disconnect();
  }
}

interface Histories {
  readonly source: readonly HistoryRecord[];
  readonly target: readonly HistoryRecord[];
}

async function readHistories(world: World): Promise<Map<string, Histories>> {
  const entries = await Promise.all(
    Object.keys(TOPICS).map(async (topic): Promise<[string, Histories]> => {
      const [source, target] = await Promise.all([
        readTopic(world.source, topic),
        readTopic(world.target, `source.${topic}`),
      ]);
      return [topic, { source, target }];
    }),
  );
  return new Map(entries);
}

/** The group's offsets arrive exactly, however long the way was closed. */
async function settleGroup(
  world: World,
  committed: Awaited<ReturnType<Traffic['stop']>>,
  histories: ReadonlyMap<string, Histories>,
): Promise<void> {
  const admin = connectKafkajs(world.target).admin();
  await admin.connect();
  let wrong: string[] = [];
  const look = async (): Promise<boolean> => {
    const name = (topic: string): string => `source.${topic}`;
    const onTarget = await Traffic.committed(admin, name).catch((error: unknown) => {
      wrong = [String(error)];
      return undefined;
    });
    if (onTarget === undefined) return false;
    wrong = committed.flatMap(({ topic, partition, offset }) => {
      const found = onTarget.find((each) => each.topic === topic && each.partition === partition);
      if (found === undefined) return [`${topic}-${partition}: not committed on the target`];
      const { source = [], target = [] } = histories.get(topic) ?? {};
      const claim: TranslatedCommit = {
        ...{ group: GROUP, partition, sourceOffset: offset, targetOffset: found.offset },
        rereadMax: 0n,
      };
      return checkTranslations(source, target, [claim]);
    });
    return wrong.length === 0;
  };
  try {
    await eventually(look, () => wrong, SETTLED_MS_MAX, LOOK_INTERVAL_MS);
  } finally {
    await admin.disconnect();
  }
}

/**
 * What every run must end in: one live holder for each partition, no lag, a target that mirrors the
 * source record by record, a map of all of it, and a group that skips nothing at any time and repeats nothing at the
 * end. Returns how many records were compared; throws with what is wrong.
 */
export async function judge(
  world: World,
  traffic: Traffic,
  say: (line: string) => void,
): Promise<number> {
  let sinceMs = systemClock.nowMs();
  const done = (what: string): void => {
    const nowMs = systemClock.nowMs();
    say(`${what} after ${((nowMs - sinceMs) / 1_000).toFixed(1)} s`);
    sinceMs = nowMs;
  };
  await settleHolders(world);
  done('every partition has exactly one live holder');
  const committed = await traffic.stop();
  done('traffic has ended');
  await settleLag(world);
  await settleHolders(world);
  done('nothing lags');
  const histories = await readHistories(world);
  let records = 0;
  for (const [topic, { source, target }] of histories) {
    assertMirrored(source, target);
    const skips = checkTranslations(source, target, seenAsClaims(traffic.seen, topic));
    if (skips.length > 0) throw new Error(`${topic}, while faults were on:\n${skips.join('\n')}`);
    await assertMapped({ target: world.target, alias: 'source', topic }, source, target);
    records += source.length;
  }
  done(`${records} records are compared`);
  await settleGroup(world, committed, histories);
  done('the group is where it was');
  const crashed = world.crashed();
  if (crashed.length > 0) throw new Error(`ended without being told to: ${crashed.join(', ')}`);
  return records;
}
