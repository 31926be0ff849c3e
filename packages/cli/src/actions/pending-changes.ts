import type { SandboxConfigRecord } from '@microsandbox/types';
import { formatMemory } from './format-memory.ts';

/** A difference between what runs and what is stored, as `msb inspect` shows it; keys in order. */
export interface PendingChange {
  readonly active: string;
  readonly desired: string;
  readonly effect: 'requires restart';
  readonly field: 'cpus' | 'max_cpus' | 'memory' | 'max_memory';
}

/** Resources of a running machine that its next start will change (spec: cli 6.14). */
export function pendingChanges(active: SandboxConfigRecord, desired: SandboxConfigRecord): PendingChange[] {
  const [from, to] = [resourceTexts(active), resourceTexts(desired)];
  return FIELDS.filter((field) => from[field] !== to[field]).map((field) => ({
    active: from[field],
    desired: to[field],
    effect: 'requires restart',
    field,
  }));
}

const FIELDS = ['cpus', 'max_cpus', 'memory', 'max_memory'] as const;

/** Resources as people read them. */
export function resourceTexts({ resources }: SandboxConfigRecord): Record<PendingChange['field'], string> {
  return {
    cpus: String(resources.cpus),
    max_cpus: String(resources.max_cpus ?? resources.cpus),
    memory: formatMemory(resources.memory_mib),
    max_memory: formatMemory(resources.max_memory_mib ?? resources.memory_mib),
  };
}
