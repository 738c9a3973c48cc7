import { MirrorError } from '../../common/errors.js';
import type { Blocker } from './promotion-blockers.js';

/** Something must be mended first. Nothing was changed that the same promotion would not repeat. */
export class PromotionRefusedError extends MirrorError {
  readonly code = 'MIRROR_PROMOTION_REFUSED';
  readonly retriable = false;

  readonly blockers: readonly Blocker[];

  constructor(flow: string, blockers: readonly Blocker[], options?: ErrorOptions) {
    const reasons = blockers.map(({ code, message }) => `${code}: ${message}`).join('; ');
    super(`promotion of ${flow} is refused: ${reasons}`, options);
    this.blockers = blockers;
  }
}

/** What was committed for a group is not what is read back. */
export class PromotionVerifyError extends MirrorError {
  readonly code = 'MIRROR_PROMOTION_VERIFY';
  readonly retriable = true; // promoting again commits and verifies again

  constructor(flow: string, differences: readonly string[]) {
    super(`promotion of ${flow}: ${differences.join('; ')}`);
  }
}
