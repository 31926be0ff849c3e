import type { SandboxConfigRecord } from '@microsandbox/types';
import { mergeEnvironment } from '../config/environment.ts';
import { sortLabels } from '../config/labels.ts';
import type { ModifyOptions } from './modification.ts';
import { modifiedNetwork } from './modified-network.ts';

/** The configuration with everything changed. Raising cpus or memory above a ceiling raises that too. */
export function modifiedRecord(record: SandboxConfigRecord, options: ModifyOptions): SandboxConfigRecord {
  return {
    ...record,
    image: modifiedImage(record, options.rootDiskSize),
    resources: { ...record.resources, ...modifiedResources(record, options) },
    env: mergeEnvironment(
      record.env,
      entries(options.env).map(([key, value]) => ({ key, value })),
    ).filter(({ key }) => !(options.envRemove ?? []).includes(key)),
    labels: sortLabels(
      Object.fromEntries(
        Object.entries({ ...record.labels, ...options.labels }).filter(
          ([key]) => !(options.labelsRemove ?? []).includes(key),
        ),
      ),
    ),
    network: modifiedNetwork(record, options),
    runtime: { ...record.runtime, workdir: options.workdir ?? record.runtime.workdir },
  };
}

/** Sizes after the change. */
export function modifiedResources(
  { resources }: SandboxConfigRecord,
  options: ModifyOptions,
): {
  readonly cpus: number;
  readonly max_cpus: number;
  readonly memory_mib: number;
  readonly max_memory_mib: number;
} {
  const cpus = options.cpus ?? resources.cpus;
  const memory = options.memory ?? resources.memory_mib;
  return {
    cpus,
    memory_mib: memory,
    max_cpus: Math.max(options.maxCpus ?? resources.max_cpus ?? resources.cpus, cpus),
    max_memory_mib: Math.max(options.maxMemory ?? resources.max_memory_mib ?? resources.memory_mib, memory),
  };
}

/** Entries of a map, by key. */
export function entries(map: Readonly<Record<string, string>> | undefined): [string, string][] {
  return Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

function modifiedImage(
  { image }: SandboxConfigRecord,
  size: number | undefined,
): SandboxConfigRecord['image'] {
  if (size === undefined || !('Oci' in image)) return image;
  const disk = image.Oci.root_disk ?? { kind: 'managed' };
  if (disk.kind === 'disk-image') return image;
  return { Oci: { ...image.Oci, root_disk: { ...disk, size_mib: size } } };
}
