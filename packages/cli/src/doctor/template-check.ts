import type { HostConfig } from '@microsandbox/types';
import { WarmBoot } from 'microsandbox';
import type { HostCheck } from './host-check.ts';

/** Whether sandboxes of the default size wake; where none does yet, `--fix` makes it so. */
export async function templateCheck(env: NodeJS.ProcessEnv, config: HostConfig): Promise<HostCheck> {
  const name = 'templates';
  const { warmSetting } = await import('@microsandbox/runtime');
  if (warmSetting({ env, config }).mode === 'off') return { name, status: 'ok', value: 'warm boot is off' };
  const templates = await WarmBoot.list();
  if (templates.length > 0) return { name, status: 'ok', value: String(templates.length) };
  return {
    name,
    status: 'ok',
    value: 'none yet; the first sandbox makes one',
    fix: async () => `template ${await WarmBoot.prewarm({})}`,
  };
}
