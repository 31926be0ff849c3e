import { rename, rm, writeFile } from 'node:fs/promises';
import type { BootRecord } from '@microsandbox/types';
import type { BootReport } from '../status-message.ts';

/** Writes `boot.json`: under a temporary name, then renamed, so that a reader finds all of it or nothing. */
export async function writeBootRecord(path: string, report: Omit<BootReport, 'phasesMs'>): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await writeFile(temporary, JSON.stringify(bootRecordOf(report), null, 2), { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function bootRecordOf({ vmm, boot, ports }: Omit<BootReport, 'phasesMs'>): BootRecord {
  return {
    boot: boot.kind,
    boot_reason: boot.kind === 'cold' ? boot.reason : null,
    vmm: vmm.driver,
    vmm_version: vmm.version,
    accel: vmm.accelerator,
    accel_reason: vmm.reason,
    ports: [...ports],
  };
}
