import { randomSandboxName } from '@microsandbox/utils';
import type { Invocation } from '../command-line/command-spec.ts';
import type { SandboxOptions } from '../commands/sandbox-options.ts';
import { writeOut } from '../output/write.ts';
import { buildSandbox } from './build-sandbox.ts';
import { createWithDisplay } from './create-with-display.ts';
import { wantedSandbox } from './wanted-sandbox.ts';

/** `msb create`: boots a sandbox in the background; prints its name when it was not given (spec: cli 6.4). */
export async function createSandbox({
  positionals,
  options,
  logLevel,
}: Invocation<SandboxOptions>): Promise<number> {
  const wanted = await wantedSandbox(positionals[0], options);
  const name = options.name ?? randomSandboxName();
  const builder = await buildSandbox(name, wanted, options, logLevel);
  const sandbox = await createWithDisplay(builder.detached(true), wanted.image.name, name, options);
  await sandbox.detach();
  if (options.name === undefined) writeOut(`${name}\n`);
  return 0;
}
