import { MirrorError } from '../../common/errors.js';

/** Thrown for security settings of a cluster that cannot be used; names the alias and the key. */
export class SecuritySettingError extends MirrorError {
  readonly code = 'MIRROR_SECURITY_SETTING';
  readonly retriable = false;

  constructor(alias: string, key: string, reason: string) {
    super(`${alias}.${key}: ${reason}`);
  }
}
