import type { Leadership } from '../store/lease-store.js';

export type StepName = 'check' | 'drain' | 'fence' | 'translate' | 'commit' | 'verify';

/** Where the journal is kept. Every write is guarded by leadership. */
export type PromotionDocuments = Pick<Leadership, 'get' | 'put'>;

/** A promotion as the store keeps it; times are wall clock, in ms since 1970. */
export interface PromotionRecord {
  flow: string;
  operator: string;
  startedAtMs: number;
  /** The step that is under way, or the last one if `finishedAtMs` is set. */
  step: StepName;
  stepStartedAtMs: number;
  finishedAtMs: number | undefined;
  /** Why it ended early: then nothing past `step` was done. */
  failure: string | undefined;
}

const VERSION = 1;

export function promotionKey(flow: string): string {
  return `promotion/${flow}`;
}

/** The last promotion of the flow; undefined if there was none, or if a newer version wrote it. */
export async function readPromotion(
  documents: PromotionDocuments,
  flow: string,
): Promise<PromotionRecord | undefined> {
  const document = await documents.get(promotionKey(flow));
  if (document === undefined) return undefined;
  const { version, ...record } = JSON.parse(document.value) as PromotionRecord & {
    version: number;
  };
  return version === VERSION ? record : undefined;
}

export async function writePromotion(
  documents: PromotionDocuments,
  record: PromotionRecord,
): Promise<void> {
  await documents.put(promotionKey(record.flow), JSON.stringify({ version: VERSION, ...record }));
}
