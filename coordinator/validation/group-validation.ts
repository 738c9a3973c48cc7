/**
 * Whether a consumer group does its work on a target, judged by two looks some time apart: what
 * `dr-validation.sh` asked after a failover, as a pure function.
 */

export interface GroupLag {
  readonly topic: string;
  readonly partition: number;
  readonly committedOffset: bigint;
  readonly logEndOffset: bigint;
  readonly lagRecords: bigint;
}

export interface GroupLook {
  readonly atMs: number;
  readonly state: string;
  readonly members: number;
  readonly partitions: readonly GroupLag[];
  readonly lagRecords: bigint;
}

export type Verdict = 'PASS' | 'WARN' | 'FAIL';

export interface ValidationCheck {
  readonly name: 'present' | 'active' | 'lag-trend';
  readonly verdict: Verdict;
  readonly message: string;
}

export interface ValidationResult {
  /** The worst of the checks. */
  readonly verdict: Verdict;
  readonly checks: readonly ValidationCheck[];
}

export function validateGroup(first: GroupLook, second: GroupLook): ValidationResult {
  const checks = [checkPresent(second), checkActive(second), checkTrend(first, second)];
  const verdicts = checks.map(({ verdict }) => verdict);
  const verdict = verdicts.includes('FAIL') ? 'FAIL' : verdicts.includes('WARN') ? 'WARN' : 'PASS';
  return { verdict, checks };
}

function checkPresent({ partitions, state }: GroupLook): ValidationCheck {
  const name = 'present';
  if (partitions.length > 0) {
    const message = `state ${state}, committed on ${partitions.length} partitions`;
    return { name, verdict: 'PASS', message };
  }
  return { name, verdict: 'FAIL', message: `state ${state}, and it has committed nothing` };
}

function checkActive({ members, state }: GroupLook): ValidationCheck {
  const name = 'active';
  if (members > 0) return { name, verdict: 'PASS', message: `${members} members` };
  return { name, verdict: 'FAIL', message: `no members (state ${state}): nobody consumes` };
}

/** A group that has nothing left to read keeps pace, whatever its trend. */
function checkTrend(first: GroupLook, second: GroupLook): ValidationCheck {
  const name = 'lag-trend';
  const [before, after] = [first.lagRecords, second.lagRecords];
  const seconds = Math.round((second.atMs - first.atMs) / 1_000);
  const looks = `lag ${before}, and ${after} after ${seconds} s`;
  if (before === 0n && after === 0n)
    return { name, verdict: 'PASS', message: `${looks}: caught up` };
  if (after < before) return { name, verdict: 'PASS', message: `${looks}: catching up` };
  if (after === before)
    return { name, verdict: 'WARN', message: `${looks}: may keep pace, does not catch up` };
  return { name, verdict: 'FAIL', message: `${looks}: falling behind` };
}
