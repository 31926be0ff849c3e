import { type CommandSpec, typed } from '../command-line/command-spec.ts';
import { SANDBOX_OPTIONS, type SandboxOptions } from './sandbox-options.ts';

export const createCommand: CommandSpec = {
  name: 'create',
  about: 'Create a sandbox and boot it in the background',
  group: 'Sandboxes',
  positionals: [{ name: 'IMAGE', about: 'Image reference, or path of a disk image' }],
  options: SANDBOX_OPTIONS,
  run: typed<SandboxOptions>(async (invocation) => {
    const { createSandbox } = await import('../actions/index.ts');
    return createSandbox(invocation);
  }),
};
