import { MirrorError } from '../../common/errors.js';
import type { Coordination } from '../service/coordination.js';
import type { ValidationRequest } from '../service/coordinator-port.js';
import { NotReadyError } from '../service/errors.js';
import type { OpenedFlowTarget } from '../service/flow-target-port.js';
import { validateGroup, type GroupLook, type ValidationResult } from './group-validation.js';

/** Only clusters that flows copy to are reached from here. */
export class UnknownTargetError extends MirrorError {
  readonly code = 'MIRROR_UNKNOWN_TARGET';
  readonly retriable = false;

  constructor(target: string, known: readonly string[]) {
    super(`no enabled flow has the target '${target}'; targets: ${known.join(', ') || 'none'}`);
  }
}

/** Two looks at a group, and what is to be thought of them. */
export async function validateOnTarget<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  options: {
    readonly request: ValidationRequest;
    readonly onLook: (look: GroupLook) => void;
    readonly signal: AbortSignal;
  },
): Promise<ValidationResult> {
  const { target, group, lookIntervalMs } = options.request;
  const { clock, over } = coordination;
  const either = AbortSignal.any([options.signal, over]);
  const opened = await openedOn(coordination, target);
  const first = await opened.lookAtGroup(group, either);
  options.onLook(first);
  await clock.sleep(lookIntervalMs, either);
  const second = await opened.lookAtGroup(group, either);
  options.onLook(second);
  return validateGroup(first, second);
}

async function openedOn<Opened extends OpenedFlowTarget>(
  coordination: Coordination<Opened>,
  target: string,
): Promise<Opened> {
  const flows = [...coordination.flows.values()];
  const here = flows.filter(({ flow }) => flow.target === target);
  if (here.length === 0)
    throw new UnknownTargetError(target, [...new Set(flows.map(({ flow }) => flow.target))]);
  await Promise.all(here.map((flow) => flow.tried()));
  const opened = here.find((flow) => flow.opened !== undefined)?.opened;
  if (opened === undefined)
    throw new NotReadyError(`${target} cannot be used: ${here[0]?.problem ?? ''}`);
  return opened;
}
