import { open, readFile } from 'node:fs/promises';
import type { Accelerator } from '@microsandbox/types';

/** What this machine offers, with the reason for what it lacks. */
export interface AcceleratorProbe {
  /** Usable ones, best first; always ends with `tcg`. */
  readonly usable: readonly Accelerator[];
  /** Why hardware acceleration cannot be used, in words; null when it can. */
  readonly missing: string | null;
}

/**
 * Finds out whether Linux can really run under hardware acceleration here. `/dev/kvm` alone does not tell: some
 * hosts offer one that cannot run unmodified kernels (spec: runtime D6b), and they show no vmx/svm flag.
 */
export async function probeAccelerators(): Promise<AcceleratorProbe> {
  if (process.platform !== 'linux') {
    return { usable: ['tcg'], missing: `hardware acceleration on ${process.platform} is not supported yet` };
  }
  const missing = (await whyKvmDoesNotOpen()) ?? whyProcessorLacks(await readCpuinfo());
  return missing === null ? { usable: ['kvm', 'tcg'], missing } : { usable: ['tcg'], missing };
}

/** Reason from the text of `/proc/cpuinfo`, or null when the processor has virtualisation. */
export function whyProcessorLacks(cpuinfo: string): string | null {
  return /^flags\s*:.* (vmx|svm)( |$)/m.test(cpuinfo) ? null : 'no vmx/svm in /proc/cpuinfo';
}

async function whyKvmDoesNotOpen(): Promise<string | null> {
  try {
    await (await open('/dev/kvm', 'r+')).close();
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'no /dev/kvm';
    if (code === 'EACCES' || code === 'EPERM') return 'no permission to open /dev/kvm';
    return `/dev/kvm does not open (${code ?? 'unknown error'})`;
  }
}

function readCpuinfo(): Promise<string> {
  return readFile('/proc/cpuinfo', 'utf8').catch(() => '');
}
