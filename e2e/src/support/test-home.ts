import { join } from 'node:path';
import { type IsolatedHome, initIsolatedHome, mustRun } from '@microsandbox/test-utils';
import { inject } from 'vitest';

/**
 * A home whose sandboxes come to life as this run of the suite wants it: they wake from a template that is there
 * from the beginning, or they all boot, on the monitor of the run.
 */
export async function initTestHome(): Promise<IsolatedHome> {
  const home = await initIsolatedHome();
  const isCold = inject('boot') === 'cold';
  if (!isCold) {
    const cache = join(home.path, 'cache');
    await mustRun('cp', ['-a', '--sparse=always', '--reflink=auto', inject('warmCache'), cache]);
  }
  const choice = { MSB_VMM: inject('monitor'), ...(isCold && { MSB_WARM: 'off' }) };
  Object.assign(process.env, choice);
  return { ...home, env: { ...home.env, ...choice } };
}
