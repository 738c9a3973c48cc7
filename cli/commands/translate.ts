import pc from 'picocolors';

import { parseFlowId } from '../../mirror/flow.js';
import type { TranslatedOffset } from '../../proto/gen/mirror/v1/operator.js';
import type { CommandRun } from '../command.js';
import { ExitCode } from '../exit-code.js';
import { formatCount } from '../output/format.js';
import type { Column } from '../output/output.js';

export interface TranslateOptions {
  flow: string;
  group: string;
  reverse: boolean;
}

export const runTranslate: CommandRun<TranslateOptions> = async (context, options) => {
  const { client, output, json } = context;
  const flow = parseFlowId(options.flow);
  const { group, reverse } = options;
  const { offsets } = await client.translate({ flow, group, reverse });
  if (json) output.json({ flow, group, reverse, offsets });
  else {
    output.table(columns, offsets);
    for (const row of offsets) {
      if (row.note === '') continue;
      output.line(`${pc.yellow('!')} ${row.topic}-${row.partition}: ${row.note}`);
    }
  }
  const unknown = offsets.some(
    (row) => (reverse ? row.sourceOffset : row.targetOffset) === undefined,
  );
  return unknown ? ExitCode.degraded : ExitCode.ok;
};

const columns: readonly Column<TranslatedOffset>[] = [
  { header: 'TOPIC', value: (row) => row.topic },
  { header: 'TARGET-TOPIC', value: (row) => row.targetTopic },
  { header: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
  { header: 'SOURCE-OFFSET', value: (row) => formatCount(row.sourceOffset), align: 'right' },
  { header: 'TARGET-OFFSET', value: (row) => formatCount(row.targetOffset), align: 'right' },
  { header: 'TRANSLATION', value: exactness },
  { header: 'SOURCE-LAG', value: (row) => formatCount(row.sourceLag), align: 'right' },
  { header: 'TARGET-LAG', value: (row) => formatCount(row.targetLag), align: 'right' },
];

function exactness({ earlierByMax }: TranslatedOffset): string {
  if (earlierByMax === undefined) return pc.yellow('unknown');
  return earlierByMax === 0n ? 'exact' : `earlier by at most ${formatCount(earlierByMax)}`;
}
