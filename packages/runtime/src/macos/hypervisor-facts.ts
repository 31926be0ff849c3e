import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isFile } from '../files/is-file.ts';

const TIMEOUT_MS = 2000;

/** What there is to see of a Mac's hardware acceleration. */
export interface HypervisorFacts {
  /** `kern.hv_support`: whether the processor and the system have Hypervisor.framework; null when unknown. */
  readonly supported: boolean | null;
  /** Whether a copy of Node can be signed. */
  readonly canSign: boolean;
}

/** Looks at a Mac. */
export async function hypervisorFacts(): Promise<HypervisorFacts> {
  const [supported, canSign] = await Promise.all([
    promisify(execFile)('/usr/sbin/sysctl', ['-n', 'kern.hv_support'], { timeout: TIMEOUT_MS }).then(
      ({ stdout }) => stdout.trim() === '1',
      () => null,
    ),
    isFile('/usr/bin/codesign'),
  ]);
  return { supported, canSign };
}
