/**
 * A process of its own that copies, and kills itself at one exactly named moment. What it leaves
 * behind is what a machine leaves that loses power there: the target's log and the durable map.
 */
import { interceptRequests } from './intercept.js';
import { FlowBench, type BenchOptions, type CopyOptions, type Side } from './flow-bench.js';
import type { KafkaCluster } from '../../kafka/client/index.js';

/** `none` goes on until it is killed from outside. */
export type CrashPoint = 'fetched' | 'sent' | 'acked' | 'reported' | 'none';

/** The one argument, as JSON. */
export interface CrashCopierPlan {
  readonly source: string;
  readonly target: string;
  readonly mapFile: string;
  readonly copies: readonly (Omit<CopyOptions, 'producer'> & {
    readonly producerId: string;
    readonly producerEpoch: number;
  })[];
  readonly crash: CrashPoint;
  /** At which of these moments, from 1. */
  readonly at: number;
}

const plan = JSON.parse(process.argv[2] ?? '') as CrashCopierPlan;
let seen = 0;

function passed(point: CrashPoint): void {
  if (point !== plan.crash) return;
  seen += 1;
  if (seen === plan.at) process.kill(process.pid, 'SIGKILL');
}

function onCluster(side: Side, cluster: KafkaCluster): void {
  interceptRequests(cluster, async ({ api, lane, send }) => {
    if (side === 'source' && api === 'Fetch' && lane.endsWith('/fetch')) {
      const response = (await send()) as { responses: unknown[] };
      if (response.responses.length > 0) passed('fetched');
      return response;
    }
    if (side !== 'target' || api !== 'Produce') return send();
    const answer = send();
    // The pipeline writes in the next tick; by then the bytes are the kernel's.
    setImmediate(() => passed('sent'));
    const response = await answer;
    passed('acked');
    return response;
  });
}

const options: BenchOptions = {
  source: { bootstrapServers: plan.source },
  target: { bootstrapServers: plan.target },
  mapFile: plan.mapFile,
  onCluster,
  onReported: () => passed('reported'),
};
process.stdout.write('{"msg":"ready"}\n');
const bench = new FlowBench(options);
const flow = bench.start();
for (const { producerId, producerEpoch, ...copy } of plan.copies) {
  await flow.copy({ ...copy, producer: { producerId: BigInt(producerId), producerEpoch } });
}
