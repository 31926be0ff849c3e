import { readFile } from 'node:fs/promises';
import { bootRecordSchema } from '@microsandbox/types';
import type { SandboxPaths } from '@microsandbox/utils';
import type { BootOrigin } from '../boot-info.ts';
import { publishedPortInfo } from './published-port-info.ts';

/** Reads `boot.json` of a sandbox's last start; null where there is none, as after a start by an older release. */
export async function readBootOrigin({
  bootRecordFile,
}: Pick<SandboxPaths, 'bootRecordFile'>): Promise<BootOrigin | null> {
  try {
    const record = bootRecordSchema.parse(JSON.parse(await readFile(bootRecordFile, 'utf8')));
    return {
      vmm: { driver: record.vmm, accelerator: record.accel, reason: record.accel_reason },
      boot: record.boot,
      bootReason: record.boot_reason,
      ports: record.ports.map(publishedPortInfo),
    };
  } catch {
    return null;
  }
}
