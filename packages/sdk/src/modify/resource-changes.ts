import type { SandboxConfigRecord } from '@microsandbox/types';
import { dispositionOf, type ModificationContext } from './disposition.ts';
import { formatMib } from './format-mib.ts';
import type { ConfigPlannedChange, ModificationConflict, ModifyOptions } from './modification.ts';
import { modifiedResources } from './modified-record.ts';

/** Changes of CPUs and memory. */
export function resourceChanges(
  record: SandboxConfigRecord,
  options: ModifyOptions,
  context: ModificationContext,
): ConfigPlannedChange[] {
  const { resources } = record;
  const desired = modifiedResources(record, options);
  const maxCpus = resources.max_cpus ?? resources.cpus;
  const maxMemory = resources.max_memory_mib ?? resources.memory_mib;
  const candidates = [
    { field: 'cpus', before: resources.cpus, after: desired.cpus, text: String },
    { field: 'max_cpus', before: maxCpus, after: desired.max_cpus, text: String },
    { field: 'memory', before: resources.memory_mib, after: desired.memory_mib, text: formatMib },
    { field: 'max_memory', before: maxMemory, after: desired.max_memory_mib, text: formatMib },
  ];
  return candidates
    .filter(({ before, after }) => before !== after)
    .map(({ field, before, after, text }) => ({
      kind: 'config',
      field,
      change: 'updated',
      before: text(before),
      after: text(after),
      ...dispositionOf(context, reasonOf(field)),
    }));
}

/** Requests for CPUs and memory that cannot be. */
export function resourceConflicts(
  { resources }: SandboxConfigRecord,
  options: ModifyOptions,
): ModificationConflict[] {
  const { cpus = resources.cpus, memory = resources.memory_mib, maxCpus, maxMemory } = options;
  const conflicts: ModificationConflict[] = [];
  const requested = { cpus: options.cpus, memory: options.memory, max_cpus: maxCpus, max_memory: maxMemory };
  for (const [field, value] of Object.entries(requested)) {
    if (value !== undefined && !(value > 0)) {
      conflicts.push({ field, message: `${field} must be greater than 0` });
    }
  }
  if (maxCpus !== undefined && maxCpus < cpus) {
    conflicts.push({
      field: 'max_cpus',
      message: `max_cpus ${maxCpus} is lower than requested cpus ${cpus}`,
    });
  }
  if (maxMemory !== undefined && maxMemory < memory) {
    conflicts.push({
      field: 'max_memory',
      message: `max_memory ${formatMib(maxMemory)} is lower than requested memory ${formatMib(memory)}`,
    });
  }
  return conflicts;
}

function reasonOf(field: string): string {
  return field.startsWith('max_')
    ? `${field} is set when the machine boots`
    : 'the running machine cannot be resized';
}
