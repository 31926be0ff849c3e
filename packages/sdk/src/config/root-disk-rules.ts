import type { SandboxConfigRecord } from '@microsandbox/types';
import { invalidConfig } from './invalid-config.ts';

/**
 * What root disks cannot be combined with, also when the host's settings chose them (spec: sdk 11.3).
 *
 * @throws InvalidConfigError
 */
export function assertRootDisk({ image, patches }: SandboxConfigRecord): void {
  const disk = 'Oci' in image ? image.Oci.root_disk : undefined;
  if (disk === undefined || disk.kind === 'managed') return;
  if (patches.length > 0) {
    throw invalidConfig('patches require a managed root disk (they are baked into the upper at create time)');
  }
  if (disk.kind === 'flat' && disk.fstype !== undefined && disk.fstype !== 'ext4') {
    throw invalidConfig(`flat root disk requires fstype ext4, got: ${disk.fstype}`);
  }
}
