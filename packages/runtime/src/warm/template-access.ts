import type { QemuTemplateOptions } from '../qemu/qemu-arguments.ts';
import { isAtLeast, readQemuVersion } from '../qemu/qemu-version.ts';
import type { FoundTemplate } from './template-store.ts';

/** First QEMU that maps a file privately without opening it for writing, and that loads from a file by its name. */
const OPENS_READ_ONLY = { major: 8, minor: 2, micro: 0 };

/** How a QEMU gets at a template's files. */
export interface TemplateAccess {
  readonly memoryUse: Exclude<QemuTemplateOptions['memory']['use'], 'shared'>;
  /** Where the devices' state is loaded from, given the descriptor on which QEMU has its file. */
  readonly stateUri: (stateFd: number) => string;
}

/** What the version that saved a template, the only one that loads it, can do. */
export function templateAccess({
  qemuVersion,
  statePath,
}: Pick<FoundTemplate, 'qemuVersion' | 'statePath'>): TemplateAccess {
  const version = readQemuVersion(qemuVersion);
  return version !== null && isAtLeast(version, OPENS_READ_ONLY)
    ? { memoryUse: 'private-read-only', stateUri: () => `file:${statePath}` }
    : { memoryUse: 'private', stateUri: (stateFd) => `fd:${stateFd}` };
}
