import { activeProducers } from './active-producers.js';
import { canary } from './canary.js';
import { compareRanges } from './compare-ranges.js';
import { probeSource } from './probe-source.js';
import { kafkaRequest } from './kafka-request.js';
import { reportGroups } from './report-groups.js';
import type { SiteTaskExecutor, SiteTaskKind } from './site-task.js';

/** Every kind of task that this agent can do; what is not here is answered with `unsupported`. */
export const SITE_TASK_EXECUTORS: { readonly [K in SiteTaskKind]: SiteTaskExecutor<K> } = {
  compareRanges,
  canary,
  activeProducers,
  probeSource,
  kafkaRequest,
  reportGroups,
};
