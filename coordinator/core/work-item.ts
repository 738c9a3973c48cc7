/**
 * Names of work items, in one place: they are keys of the lease store, so a changed spelling is a
 * change of the stored state.
 *
 *   <flow>/site                       discovery of a flow's source; one per flow
 *   <flow>/partition/<topic>/<n>      copying of one partition
 */

export type WorkItem =
  | { readonly kind: 'site'; readonly flow: string }
  | {
      readonly kind: 'partition';
      readonly flow: string;
      readonly topic: string;
      readonly partition: number;
    };

const ITEM_KEY = /^([^/]+)\/(?:(site)|partition\/([a-zA-Z0-9._-]+)\/(0|[1-9][0-9]{0,9}))$/;

export function siteKey(flow: string): string {
  return `${flow}/site`;
}

export function partitionKey(flow: string, topic: string, partition: number): string {
  return `${flow}/partition/${topic}/${partition}`;
}

export function itemKey(item: WorkItem): string {
  return item.kind === 'site'
    ? siteKey(item.flow)
    : partitionKey(item.flow, item.topic, item.partition);
}

/** Undefined for a key that no version of this program wrote: such a lease is left alone. */
export function parseItemKey(key: string): WorkItem | undefined {
  const match = ITEM_KEY.exec(key);
  if (match === null) return undefined;
  const [, flow, site, topic, partition] = match;
  if (flow === undefined) return undefined;
  if (site !== undefined) return { kind: 'site', flow };
  if (topic === undefined || partition === undefined) return undefined;
  return { kind: 'partition', flow, topic, partition: Number(partition) };
}
