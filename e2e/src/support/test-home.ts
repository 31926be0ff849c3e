import { join } from 'node:path';
import { type IsolatedHome, initIsolatedHome, mustRun } from '@microsandbox/test-utils';
import { inject } from 'vitest';

/**
 * A home whose sandboxes come to life as this run of the suite wants it: they wake from a template that is there
 * from the beginning, or they all boot.
 */
export async function initTestHome(): Promise<IsolatedHome> {
  const home = await initIsolatedHome();
  if (inject('boot') === 'cold') {
    process.env['MSB_WARM'] = 'off';
    return { ...home, env: { ...home.env, MSB_WARM: 'off' } };
  }
  await mustRun('cp', [
    '-a',
    '--sparse=always',
    '--reflink=auto',
    inject('warmCache'),
    join(home.path, 'cache'),
  ]);
  return home;
}
