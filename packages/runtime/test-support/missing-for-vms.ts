import { existsSync } from 'node:fs';
import { agentdPath } from '@microsandbox/native';

/** What this machine lacks to boot a machine in a test, in words; null when it has everything. */
export function missingForVms(): string | null {
  const tools = [
    '/usr/bin/qemu-system-x86_64',
    '/usr/bin/mkfs.erofs',
    '/usr/sbin/mkfs.ext4',
    '/usr/bin/busybox',
  ];
  const missing = tools.filter((path) => !existsSync(path));
  if (missing.length > 0) return `needs ${missing.join(', ')}`;
  try {
    agentdPath();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
