import { stat } from 'node:fs/promises';
import { runtimeLibkrunfwPath } from './runtime-libkrunfw.ts';
import type { SandboxLauncher } from './sandbox-launcher.ts';

/** The launcher of real virtual machines. Its package is loaded when the first one starts. */
export const runtimeLauncher: SandboxLauncher = {
  async findLibkrunfw(options) {
    const { resolveKernel } = await import('@microsandbox/runtime');
    const env = await withNamedLibrary(options.env);
    return (await resolveKernel({ ...options, env })).libkrunfwPath;
  },

  async chooseVmm({ layout, ...sources }) {
    const { chooseVmm } = await import('@microsandbox/runtime');
    return chooseVmm({ ...sources, cacheDir: layout.cacheDir });
  },

  async start(request) {
    const { startSandboxProcess } = await import('@microsandbox/runtime');
    const { layout, env, signal, onPhase, ...options } = request;
    return startSandboxProcess({
      ...options,
      ...(signal !== undefined && { signal }),
      ...(onPhase !== undefined && { onPhase }),
    });
  },
};

/** Puts the library that the program named where an explicit one is looked for, unless there is one. */
async function withNamedLibrary(env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const path = runtimeLibkrunfwPath();
  if (path === undefined || env['MSB_LIBKRUNFW_PATH'] !== undefined) return env;
  const isFile = await stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
  if (isFile) return { ...env, MSB_LIBKRUNFW_PATH: path };
  process.emitWarning(`libkrunfw path ${path} is not a file; looking elsewhere`);
  return env;
}
