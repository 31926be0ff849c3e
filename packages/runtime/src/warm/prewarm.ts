import { devNull } from 'node:os';
import { type HostConfig, MicrosandboxError } from '@microsandbox/types';
import { tryFileLock } from '@microsandbox/utils';
import { findQemu } from '../qemu/find-qemu.ts';
import { chooseVmm } from '../vmm/choose-vmm.ts';
import { machineSpec } from '../vmm/machine-spec.ts';
import { makeTemplate } from './make-template.ts';
import type { MakerArguments } from './maker-arguments.ts';
import { templateKey } from './template-key.ts';
import { TemplateStore } from './template-store.ts';

/** What came of {@link prewarm}: it was there, it was made, or another process is making one. */
export type PrewarmResult = 'present' | 'made' | 'busy';

/**
 * Makes the template for machines of one size, unless it is there.
 *
 * @throws MicrosandboxError `unsupported` where another monitor than QEMU runs the sandboxes
 * @throws RuntimeError when it cannot be made; nothing of it is left then
 */
export async function prewarm(
  options: MakerArguments & {
    readonly env: NodeJS.ProcessEnv;
    readonly config?: HostConfig;
    readonly signal?: AbortSignal;
  },
): Promise<PrewarmResult> {
  const { cacheDir, env, signal } = options;
  const store = new TemplateStore(cacheDir);
  const choice = await chooseVmm({ env, config: options.config, cacheDir });
  if (choice.driver !== 'qemu') {
    throw new MicrosandboxError(
      'unsupported',
      `${choice.driver} runs the sandboxes here, and it cannot wake`,
      {
        hint: 'QEMU can: set MSB_VMM=qemu, for sandboxes too',
      },
    );
  }
  const program = await findQemu(env);
  const spec = await machineSpec({
    name: 'template',
    cpus: options.vcpus,
    memoryMib: options.memoryMib,
    accelerator: choice.accelerator,
    libkrunfwPath: options.libkrunfwPath,
    thp: options.thp,
    disks: [],
    shares: options.shares,
    mac: null,
    kernelLogPath: devNull,
    cacheDir,
  });
  const key = await templateKey(program, spec);
  if ((await store.find(key)) !== null) return 'present';
  await using lock = await tryFileLock(store.lockPath);
  if (lock === null) return 'busy';
  // Another one may have finished between the look and the lock.
  if ((await store.find(key)) !== null) return 'present';
  await makeTemplate({ program, store, key, spec, ...(signal && { signal }) });
  await store.prune(options.maxTemplates);
  return 'made';
}
