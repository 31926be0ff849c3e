import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { LaunchConfig } from '@microsandbox/types';
import type { RuntimeLog } from '../process/journal/runtime-log.ts';
import type { ProcessArguments } from '../process/process-arguments.ts';
import { countShares } from '../process/vm-plan.ts';
import { formatMakerArguments } from './maker-arguments.ts';

/** Of what the maker says when it fails, as much goes to the log. */
const MAX_REASON_LENGTH = 500;

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
    shares: countShares(launch),
  });
  const maker = spawn(
    process.execPath,
    ['--no-warnings', join(dirname(manifest), 'dist/template-maker.cjs'), ...argv],
    {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      // The template is for machines like the one that lacked it.
      env: { ...process.env, MSB_VMM: args.choice.driver, MSB_ACCEL: args.choice.accelerator },
      cwd: '/',
    },
  );
  warnOfFailure(maker, log);
}

/** Tells the sandbox's log, as long as there is one, why it goes on without a template. */
function warnOfFailure(maker: ChildProcess, log: RuntimeLog): void {
  let reason = '';
  const stderr = maker.stderr as Socket;
  stderr
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      if (reason.length < MAX_REASON_LENGTH) reason += chunk.toString();
    });
  maker.on('error', (error) => log.warn(`no template was made: ${error.message}`));
  maker.on('close', (code, signal) => {
    if (code === 0) return;
    const why = reason.trim().slice(0, MAX_REASON_LENGTH) || (signal ?? `exit code ${code}`);
    log.warn(`no template was made: ${why}`);
  });
  maker.unref();
  stderr.unref();
}
