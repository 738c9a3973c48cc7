import type { CoordinatorMessage } from '../../proto/gen/mirror/v1/agent.js';
import {
  CanaryAct,
  type SiteTask as SiteTaskMessage,
  type SiteTaskReport as ReportMessage,
} from '../../proto/gen/mirror/v1/site_task.js';
import { ProtocolViolationError } from '../service/errors.js';
import type { AgentSays, CoordinatorSays } from '../service/messages.js';
import type { CanaryTask, SiteTask } from '../service/site-task-kinds.js';

type SiteTaskSays = Extract<
  CoordinatorSays,
  { kind: 'site-task' | 'site-task-ack' | 'cancel-site-task' }
>;

export function readSiteTaskReport(message: ReportMessage): AgentSays {
  const { taskId, report } = message;
  const kind = 'site-task-report';
  switch (report?.$case) {
    case 'piece':
      return { kind, taskId, report: { kind: 'piece', piece: known(report.value.kind) } };
    case 'result':
      return { kind, taskId, report: { kind: 'result', result: known(report.value.kind) } };
    case 'error':
      return { kind, taskId, report: { kind: 'error', ...report.value } };
    default:
      throw new ProtocolViolationError('a site task report that says nothing');
  }
}

export function writeSiteTaskMessage(
  says: SiteTaskSays,
): NonNullable<CoordinatorMessage['message']> {
  const { taskId } = says;
  switch (says.kind) {
    case 'site-task':
      return {
        $case: 'siteTask',
        value: { taskId, flow: says.flow, kind: writeTask(says.task) },
      };
    case 'site-task-ack':
      return { $case: 'siteTaskAck', value: { taskId, pieces: says.pieces } };
    default:
      return { $case: 'cancelSiteTask', value: { taskId } };
  }
}

function known<T>(kind: T | undefined): T {
  if (kind === undefined)
    throw new ProtocolViolationError('a site task report of a kind this coordinator does not know');
  return kind;
}

const CANARY_ACTS: Readonly<Record<CanaryTask['act'], CanaryAct>> = {
  create: CanaryAct.CREATE,
  append: CanaryAct.APPEND,
  look: CanaryAct.LOOK,
  read: CanaryAct.READ,
  commit: CanaryAct.COMMIT,
  delete: CanaryAct.DELETE,
};

/** The wire's arrays are not readonly, and its enums are numbers. */
function writeTask(task: SiteTask): SiteTaskMessage['kind'] {
  switch (task.$case) {
    case 'compareRanges': {
      const { $case, value } = task;
      return { $case, value: { ...value, segments: [...value.segments] } };
    }
    case 'activeProducers': {
      const { $case, value } = task;
      return { $case, value: { ...value, topics: [...value.topics] } };
    }
    case 'probeSource':
    case 'kafkaRequest':
    case 'reportGroups':
      return task;
    case 'canary': {
      const { act, partitions, ...value } = task.value;
      const written = partitions.map((each) => ({ ...each, values: [...each.values] }));
      return {
        $case: 'canary',
        value: { ...value, act: CANARY_ACTS[act], partitions: written },
      };
    }
  }
}
