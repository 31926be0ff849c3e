import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { LaunchConfig } from '@microsandbox/types';
import type { RuntimeLog } from '../process/journal/runtime-log.ts';
import type { ProcessArguments } from '../process/process-arguments.ts';
import { formatMakerArguments } from './maker-arguments.ts';

/**
 * Starts the making of the template that a sandbox lacked, in a process that outlives it. Whoever asked for the
 * sandbox has it already; the maker runs at the lowest priority and gives way when another one is at work.
 */
export function startTemplateMaker(options: {
  readonly args: ProcessArguments;
  readonly launch: LaunchConfig;
  readonly log: RuntimeLog;
}): void {
  const { args, launch, log } = options;
  const manifest = createRequire(import.meta.url).resolve('@microsandbox/runtime/package.json');
  const argv = formatMakerArguments({
    cacheDir: args.cacheDir,
    libkrunfwPath: launch.libkrunfw_path,
    vcpus: args.vcpus,
    memoryMib: args.memoryMib,
    thp: launch.thp,
    maxTemplates: args.maxTemplates,
  });
  const maker = spawn(
    process.execPath,
    ['--no-warnings', join(dirname(manifest), 'dist/template-maker.cjs'), ...argv],
    {
      detached: true,
      stdio: 'ignore',
      cwd: '/',
    },
  );
  maker.on('error', (error) => log.warn(`template maker: ${error.message}`));
  maker.unref();
}
