import { MirrorError } from '../../common/errors.js';
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
 * behind the list of topics, which is otherwise made now and then.
 */
export const reportGroups: SiteTaskExecutor<'reportGroups'> = async (_, { flow, site, signal }) => {
  if (site === undefined) throw new SiteNotHeldError(flow.config.id);
  await site.reportGroups(signal);
  return {};
};
