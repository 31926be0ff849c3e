import type { RootDisk, SandboxConfigRecord } from '@microsandbox/types';
import { dispositionOf, type ModificationContext } from './disposition.ts';
import { formatMib } from './format-mib.ts';
import type { ConfigPlannedChange, ModificationConflict, ModifyOptions } from './modification.ts';

const FIELD = 'root_disk_size';
const DEFAULT_UPPER_MIB = 4096;

/** A change of the root disk's size, if any. */
export function rootDiskChanges(
  record: SandboxConfigRecord,
  options: ModifyOptions,
  context: ModificationContext,
): ConfigPlannedChange[] {
  const { rootDiskSize } = options;
  const disk = rootDiskOf(record);
  if (rootDiskSize === undefined || disk === null || rootDiskConflicts(record, options).length > 0) return [];
  const before = sizeOf(disk);
  const change = {
    kind: 'config',
    field: FIELD,
    change: 'updated',
    before: before === null ? undefined : formatMib(before),
    after: formatMib(rootDiskSize),
  } as const;
  const reason =
    disk.kind === 'tmpfs'
      ? 'memory for the root disk is set when the machine boots'
      : 'the root disk can grow only while no machine uses it';
  return [{ ...change, ...dispositionOf(context, reason) }];
}

/** Requests for a root disk that cannot be. */
export function rootDiskConflicts(
  record: SandboxConfigRecord,
  options: ModifyOptions,
): ModificationConflict[] {
  const { rootDiskSize: size } = options;
  if (size === undefined) return [];
  const message = conflictOf(rootDiskOf(record), size, options.memory ?? record.resources.memory_mib);
  return message === null ? [] : [{ field: FIELD, message }];
}

function conflictOf(disk: RootDisk | null, size: number, memory: number): string | null {
  if (disk === null) return 'root disk size requires an OCI rootfs';
  if (disk.kind === 'disk-image') {
    return 'the root disk is a user-supplied disk image; its size is determined by the image file';
  }
  const current = sizeOf(disk);
  if (disk.kind === 'tmpfs') {
    if (size > memory) {
      return `tmpfs root disk size ${formatMib(size)} must not exceed sandbox memory (${formatMib(memory)})`;
    }
    return size === current ? `root disk size is already ${formatMib(size)}` : null;
  }
  if (current !== null && size < current) {
    return (
      `root disk size ${formatMib(size)} is smaller than the current ${formatMib(current)}; ` +
      'shrink is not supported (recreate the sandbox instead)'
    );
  }
  return size === current ? `root disk size is already ${formatMib(size)}; only grow is supported` : null;
}

function rootDiskOf({ image }: SandboxConfigRecord): RootDisk | null {
  return 'Oci' in image ? (image.Oci.root_disk ?? { kind: 'managed' }) : null;
}

function sizeOf(disk: RootDisk): number | null {
  if (disk.kind === 'disk-image') return null;
  return disk.size_mib ?? (disk.kind === 'managed' ? DEFAULT_UPPER_MIB : null);
}
