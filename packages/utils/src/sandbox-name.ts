import { randomBytes } from 'node:crypto';
import { InvalidConfigError } from '@microsandbox/types';

/** Longest sandbox name in UTF-8 bytes. */
export const MAX_SANDBOX_NAME_BYTES = 128;

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/**
 * Checks a sandbox name (spec: state 9). Names become folder names, so nothing else may pass.
 *
 * @throws InvalidConfigError
 */
export function validateSandboxName(name: string): void {
  if (name === '') throw new InvalidConfigError('invalid config: sandbox name must not be empty');
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_SANDBOX_NAME_BYTES) {
    throw new InvalidConfigError(
      `invalid config: sandbox name must be at most ${MAX_SANDBOX_NAME_BYTES} characters: got ${bytes}`,
    );
  }
  if (!NAME_PATTERN.test(name)) {
    throw new InvalidConfigError(
      'invalid config: sandbox name must start with an alphanumeric and contain only alphanumeric, dots, ' +
        `hyphens, and underscores: ${name}`,
    );
  }
}

/** Name for a sandbox that its maker did not name: `msb-` and 8 hex digits. */
export function randomSandboxName(): string {
  return `msb-${randomBytes(4).toString('hex')}`;
}
