import { DEFAULT_HOST_CONFIG, hostConfigPath, loadHostConfig } from '@microsandbox/utils';
import { LocalBackend } from 'microsandbox';
import { homeChecks } from './home-checks.ts';
import { type HostCheck, required } from './host-check.ts';
import { leftoverChecks } from './leftover-checks.ts';
import { machineChecks } from './machine-checks.ts';
import { resourceChecks } from './resource-checks.ts';
import { templateCheck } from './template-check.ts';

/** Checks everything that sandboxes need here. */
export async function checkHost(env: NodeJS.ProcessEnv): Promise<HostCheck[]> {
  let config = DEFAULT_HOST_CONFIG;
  const configCheck = await required('config', async () => {
    config = await loadHostConfig(env);
    return hostConfigPath(env);
  });
  const layout = await new LocalBackend({ env, config }).layout();
  const machine = await machineChecks({ env, config, layout });
  const isBroken = [configCheck, ...machine].some(({ status }) => status === 'problem');
  return [
    configCheck,
    ...machine,
    ...(await resourceChecks(layout.home)),
    ...(await homeChecks(layout, env)),
    ...(await leftoverChecks(layout)),
    ...(isBroken ? [] : [await templateCheck(env, config)]),
  ];
}
