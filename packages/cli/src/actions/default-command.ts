import type { SandboxConfigRecord } from '@microsandbox/types';
import type { Sandbox } from 'microsandbox';
import { printWarning } from '../errors/notice.ts';

/** The part of a configuration that says what a sandbox runs. */
export type CommandDefaults = Pick<SandboxConfigRecord['runtime'], 'entrypoint' | 'cmd' | 'shell'>;

/** The defaults of a sandbox, its image's settings included. */
export async function commandDefaults(sandbox: Sandbox): Promise<CommandDefaults> {
  const { runtime } = (await sandbox.config()) as { readonly runtime?: Partial<CommandDefaults> };
  return { entrypoint: null, cmd: null, shell: null, ...runtime };
}

/**
 * What to run (spec: cli 6.3 step 8): the entrypoint with `command`, or with the image's own command; a shell when
 * there is neither and somebody sits at the terminal; else null, with a warning.
 */
export function commandWithEntrypoint(
  defaults: CommandDefaults,
  command: readonly string[] | null,
  interactive: boolean,
): readonly string[] | null {
  const argv = [...(defaults.entrypoint ?? []), ...(command ?? defaults.cmd ?? [])];
  if (argv.length > 0) return argv;
  if (interactive) return [defaults.shell ?? '/bin/sh'];
  printWarning('no command provided and stdin is not a terminal');
  return null;
}
