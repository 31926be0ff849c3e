import type { ImageConfig, SandboxConfigRecord } from '@microsandbox/types';
import { mergeEnvironment, reservedVariable, type StoredEnv } from './environment.ts';
import { labelProblem, sortLabels } from './labels.ts';

/**
 * Lays an image's settings under a sandbox's: environment and labels key by key, the rest where the sandbox
 * says nothing. An image cannot set what is reserved.
 */
export function withImageDefaults(config: SandboxConfigRecord, image: ImageConfig): SandboxConfigRecord {
  const { runtime } = config;
  return {
    ...config,
    env: mergeEnvironment(imageEnvironment(image), config.env),
    labels: sortLabels({ ...imageLabels(image), ...config.labels }),
    runtime: {
      ...runtime,
      entrypoint: runtime.entrypoint ?? image.entrypoint,
      cmd: runtime.cmd ?? image.cmd,
      workdir: runtime.workdir ?? (image.working_dir || null),
      user: runtime.user ?? (image.user || null),
    },
  };
}

function imageEnvironment(image: ImageConfig): StoredEnv {
  return image.env.flatMap((entry) => {
    const equals = entry.indexOf('=');
    const key = equals < 0 ? entry : entry.slice(0, equals);
    const value = equals < 0 ? '' : entry.slice(equals + 1);
    return key === '' || reservedVariable(key) !== null ? [] : [{ key, value }];
  });
}

function imageLabels(image: ImageConfig): Record<string, string> {
  return Object.fromEntries(Object.entries(image.labels).filter(([key]) => labelProblem(key) === null));
}
