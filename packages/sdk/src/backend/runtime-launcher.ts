import type { SandboxLauncher } from './sandbox-launcher.ts';

/** The launcher of real virtual machines. Its package is loaded when the first one starts. */
export const runtimeLauncher: SandboxLauncher = {
  async findLibkrunfw(options) {
    const { resolveKernel } = await import('@microsandbox/runtime');
    return (await resolveKernel(options)).libkrunfwPath;
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
