import { invalidConfig } from '../config/invalid-config.ts';

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** A volume that is to be made. Sizes in MiB. */
export interface VolumeSpec {
  readonly name: string;
  readonly kind: 'dir' | 'disk';
  /** Of a folder; as much as the host has without it. */
  readonly quotaMib?: number;
  /** Of a disk. */
  readonly capacityMib?: number;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Checks the name of a volume, which becomes the name of a folder.
 *
 * @throws InvalidConfigError
 */
export function assertVolumeName(name: string): void {
  if (name === '') throw invalidConfig('volume name must not be empty');
  if (NAME_PATTERN.test(name)) return;
  throw invalidConfig(
    'volume name must start with an alphanumeric character and contain only alphanumeric characters, dots, ' +
      `hyphens, and underscores: ${name}`,
  );
}

/** @throws InvalidConfigError for what does not go together (spec: state 21) */
export function assertVolumeSpec({ name, kind, quotaMib, capacityMib }: VolumeSpec): void {
  assertVolumeName(name);
  if (kind === 'dir' && capacityMib !== undefined) {
    throw invalidConfig('directory named volumes do not support .size(...) / --size');
  }
  if (kind === 'disk' && capacityMib === undefined) {
    throw invalidConfig('disk named volumes require .size(...) / --size');
  }
  if (kind === 'disk' && quotaMib !== undefined) {
    throw invalidConfig('disk named volumes do not support .quota(...)');
  }
  for (const [what, mib] of Object.entries({ quota: quotaMib, size: capacityMib })) {
    if (mib !== undefined && !(Number.isInteger(mib) && mib > 0)) {
      throw invalidConfig(`volume ${what} must be a whole number of MiB greater than 0, got ${mib}`);
    }
  }
}
