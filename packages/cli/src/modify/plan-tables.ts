import type { ModificationDisposition, ResourceResizeStatus, SandboxModificationPlan } from 'microsandbox';
import type { Paint, Style } from '../output/colour.ts';
import { renderTable } from '../output/table.ts';

const FIELD_NAMES: Readonly<Record<string, string>> = {
  max_cpus: 'max CPUs',
  max_memory: 'max memory',
  root_disk_size: 'root disk size',
};

const EFFECT_STYLES: Readonly<Record<ModificationDisposition, Style>> = {
  live: 'greenBold',
  'requires restart': 'yellowBold',
  'next start': 'dim',
  unsupported: 'redBold',
};

const STATE_STYLES: Readonly<Partial<Record<ResourceResizeStatus['state'], Style>>> = {
  accepted: 'dim',
  converging: 'dim',
  'guest-refused': 'redBold',
  failed: 'redBold',
};

/** States of a sandbox in which every change waits for the next start anyway. */
const IDLE: ReadonlySet<string> = new Set(['created', 'stopped', 'crashed']);

/** Whether it is worth saying when each change takes effect. */
export function showsEffect({ status }: Pick<SandboxModificationPlan, 'status'>): boolean {
  return !IDLE.has(status);
}

/** What a plan changes (spec: cli 6.18); nothing for a plan without changes. */
export function planTable(plan: SandboxModificationPlan, paint: Paint): string {
  const effect = showsEffect(plan);
  const cell = (text: string | undefined): string => text ?? paint('dim', '-');
  const rows = plan.changes.map((change) => {
    const [before, after] =
      change.kind === 'secret' ? [change.beforeRef, change.afterRef] : [change.before, change.after];
    const field =
      change.kind === 'secret' ? `secret ${change.name}` : (FIELD_NAMES[change.field] ?? change.field);
    const cells = [field, change.change, cell(before), cell(after)];
    return effect ? [...cells, paint(EFFECT_STYLES[change.disposition], change.disposition)] : cells;
  });
  const header = ['FIELD', 'CHANGE', 'BEFORE', 'AFTER'];
  return renderTable(effect ? [...header, 'EFFECT'] : header, rows, paint);
}

/** Changes of the running machine that are still under way. */
export function resizeTable({ resizeStatus }: SandboxModificationPlan, paint: Paint): string {
  if (resizeStatus.every(({ state }) => state === 'applied')) return '';
  const rows = resizeStatus.map(({ resource, requested, actual, enforced, state }) => {
    const style = STATE_STYLES[state];
    return [resource, requested, actual, enforced, style === undefined ? state : paint(style, state)];
  });
  return renderTable(['FIELD', 'REQUESTED', 'ACTUAL', 'ENFORCED', 'STATE'], rows, paint);
}
