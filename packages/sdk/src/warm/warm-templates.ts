import { updateHostConfig } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';

/** Size of the machines that a template is for. */
export interface PrewarmOptions {
  /** Default: that of new sandboxes. */
  readonly cpus?: number;
  /** MiB. Default: that of new sandboxes. */
  readonly memory?: number;
  /** Shared folders and files that the sandboxes mount; scripts count as one. Default: none. */
  readonly shares?: number;
  readonly signal?: AbortSignal;
}

/** A saved machine that sandboxes wake from. */
export interface WarmTemplate {
  readonly key: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** Bytes on disk. */
  readonly sizeBytes: number;
}

/**
 * Makes the template for sandboxes of one size and waits for it.
 *
 * @returns `present` when it was there, `busy` when another process is making one
 * @throws RuntimeError when it cannot be made
 */
export async function makeWarmTemplate(
  backend: LocalBackend,
  options: PrewarmOptions,
): Promise<'present' | 'made' | 'busy'> {
  const [layout, config] = await Promise.all([backend.layout(), backend.config()]);
  const { prewarm, resolveKernel, warmSetting } = await import('@microsandbox/runtime');
  const { env } = backend;
  const defaults = config.sandbox_defaults;
  return prewarm({
    cacheDir: layout.cacheDir,
    libkrunfwPath: (await resolveKernel({ layout, config, env })).libkrunfwPath,
    vcpus: options.cpus ?? defaults.cpus,
    memoryMib: options.memory ?? defaults.memory_mib,
    thp: defaults.thp,
    maxTemplates: warmSetting({ env, config }).maxTemplates,
    shares: options.shares ?? 0,
    env,
    config,
    ...(options.signal && { signal: options.signal }),
  });
}

/** Templates of the home, the one used last first. */
export async function listWarmTemplates(backend: LocalBackend): Promise<WarmTemplate[]> {
  const { TemplateStore } = await import('@microsandbox/runtime');
  const infos = await new TemplateStore((await backend.layout()).cacheDir).list();
  return infos.map(({ key, createdAt, lastUsedAt, bytes }) => ({
    key,
    createdAt: new Date(createdAt),
    lastUsedAt,
    sizeBytes: bytes,
  }));
}

/** Removes all templates of the home and says how many there were. Running sandboxes keep what they use. */
export async function removeWarmTemplates(backend: LocalBackend): Promise<number> {
  const { TemplateStore } = await import('@microsandbox/runtime');
  const store = new TemplateStore((await backend.layout()).cacheDir);
  const templates = await store.list();
  for (const { key } of templates) await store.remove(key);
  return templates.length;
}

/** Whether sandboxes of this home wake from templates, from now on. */
export async function setWarmBoot(backend: LocalBackend, mode: 'auto' | 'off'): Promise<void> {
  const { configFile } = await backend.layout();
  await updateHostConfig(configFile, (config) => {
    const { warm } = config;
    const kept = typeof warm === 'object' && warm !== null ? warm : {};
    return { ...config, warm: Object.keys(kept).length > 0 ? { ...kept, mode } : mode };
  });
}
