import type { SandboxConfigRecord } from '@microsandbox/types';
import { dispositionOf, type ModificationContext } from './disposition.ts';
import type { ChangeKind, ConfigPlannedChange, ModificationConflict, ModifyOptions } from './modification.ts';
import { entries } from './modified-record.ts';

const EXEC_REASON = 'programs take it over from the configuration that the sandbox was started with';
const LABEL_REASON = 'labels of a running sandbox cannot be changed';

/** Changes of environment, labels and working directory, keys in order. */
export function specChanges(
  record: SandboxConfigRecord,
  options: ModifyOptions,
  context: ModificationContext,
): ConfigPlannedChange[] {
  const env = new Map(record.env.map(({ key, value }) => [key, value]));
  const labels = new Map(Object.entries(record.labels));
  const execChange = (field: string, before: string | undefined, after: string | undefined) =>
    changeOf({ field, before, after }, dispositionOf(context, EXEC_REASON));
  const labelChange = (before: string | undefined, after: string | undefined) =>
    changeOf({ field: 'label', before, after }, dispositionOf(context, LABEL_REASON));
  const { workdir } = options;
  return [
    ...entries(options.env)
      .filter(([key, value]) => env.get(key) !== value)
      .map(([key, value]) => execChange('env', pair(key, env.get(key)), pair(key, value))),
    ...(options.envRemove ?? [])
      .filter((key) => env.has(key))
      .map((key) => execChange('env', pair(key, env.get(key)), undefined)),
    ...entries(options.labels)
      .filter(([key, value]) => labels.get(key) !== value)
      .map(([key, value]) => labelChange(pair(key, labels.get(key)), pair(key, value))),
    ...(options.labelsRemove ?? [])
      .filter((key) => labels.has(key))
      .map((key) => labelChange(pair(key, labels.get(key)), undefined)),
    ...(workdir === undefined || workdir === record.runtime.workdir
      ? []
      : [execChange('workdir', record.runtime.workdir ?? undefined, workdir)]),
  ];
}

/** Keys that are set and removed at once. */
export function specConflicts(options: ModifyOptions): ModificationConflict[] {
  const both = (field: 'env' | 'label', set: readonly [string, string][], removed: readonly string[] = []) =>
    set
      .filter(([key]) => removed.includes(key))
      .map(([key]) => ({
        field,
        message: `${field} ${key} is both set and removed in the same modification`,
      }));
  return [
    ...both('env', entries(options.env), options.envRemove),
    ...both('label', entries(options.labels), options.labelsRemove),
  ];
}

function pair(key: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : `${key}=${value}`;
}

function changeOf(
  { field, before, after }: Pick<ConfigPlannedChange, 'field' | 'before' | 'after'>,
  disposition: ReturnType<typeof dispositionOf>,
): ConfigPlannedChange {
  const change: ChangeKind = after === undefined ? 'removed' : before === undefined ? 'added' : 'updated';
  return { kind: 'config', field, change, before, after, ...disposition };
}
