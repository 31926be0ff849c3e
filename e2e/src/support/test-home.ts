import { join } from 'node:path';
import { type IsolatedHome, initIsolatedHome, mustRun } from '@microsandbox/test-utils';
import { inject } from 'vitest';

/**
 * A home whose sandboxes come to life as this run of the suite wants it: they wake from a template that is there
 * from the beginning, which only QEMU can; or they all boot, on the monitor that this machine's users get.
 */
export async function initTestHome(): Promise<IsolatedHome> {
  const home = await initIsolatedHome();
  const isCold = inject('boot') === 'cold';
  if (!isCold) {
    const cache = join(home.path, 'cache');
    await mustRun('cp', ['-a', '--sparse=always', '--reflink=auto', inject('warmCache'), cache]);
  }
  const choice = isCold ? { MSB_WARM: 'off' } : { MSB_VMM: 'qemu' };
  Object.assign(process.env, choice);
  return { ...home, env: { ...home.env, ...choice } };
}
