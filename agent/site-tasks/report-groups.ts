import { MirrorError } from '../../common/errors.js';
import { listSourceEnds } from '../site/source-ends.js';
import type { SiteTaskExecutor } from './site-task.js';

/** Only who holds a flow's site work watches its groups. */
export class SiteNotHeldError extends MirrorError {
  readonly code = 'MIRROR_SITE_NOT_HELD';
  readonly retriable = true;

  constructor(flow: string) {
    super(`this agent does not hold the site work of ${flow}`);
  }
}

/**
 * What groups have committed is reported within milliseconds, but nobody can tell from that whether
 * a commit is still on its way. This task ends behind every one that was made before it came, and
 * behind the list of topics, which is otherwise made now and then. Where these end is asked for as
 * well: what copiers report of that may have been on its way for any time.
 */
export const reportGroups: SiteTaskExecutor<'reportGroups'> = async (_, context) => {
  const { flow, site, signal, report } = context;
  if (site === undefined) throw new SiteNotHeldError(flow.config.id);
  const topics = await site.reportGroups(signal);
  for await (const ends of listSourceEnds(flow.source, topics, signal)) await report(ends);
  return {};
};
