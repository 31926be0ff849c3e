import { dirname } from 'node:path';
import type { LaunchConfig } from '@microsandbox/types';
import { type HomeLayout, homeLayout } from '@microsandbox/utils';
import { startTemplateMaker } from '../warm/start-template-maker.ts';
import { PARENT_WATCH_FD } from './descriptors.ts';
import { RotatingFile } from './journal/rotating-file.ts';
import { RuntimeLog } from './journal/runtime-log.ts';
import { RunRecord } from './keeper/run-record.ts';
import type { LaunchedMachine } from './launch-machine.ts';
import { watchParent } from './parent-watch.ts';
import type { PhaseClock } from './phase-clock.ts';
import { processPlaces } from './places.ts';
import type { ProcessArguments } from './process-arguments.ts';
import { readLaunchConfig } from './read-launch-config.ts';
import { SandboxRun } from './sandbox-run.ts';
import type { StatusChannel } from './status-channel.ts';

/** Everything that {@link serve} takes over. */
export interface ServeOptions {
  readonly args: ProcessArguments;
  /** Launch configuration, not checked yet. */
  readonly launch: unknown;
  readonly launched: Promise<LaunchedMachine>;
  readonly phases: PhaseClock;
  readonly status: StatusChannel;
}

/** Runs a sandbox on a machine that is starting. @returns this process's exit code */
export async function serve(options: ServeOptions): Promise<number> {
  const { args, launched, phases, status } = options;
  const launch = readLaunchConfig(options.launch);
  const places = processPlaces(launch, args.name);
  const log = new RuntimeLog(new RotatingFile(places.runtimeLog));
  process.title = `microsandbox ${args.name}`;
  const record = new RunRecord({
    dbFile: launch.db_path,
    connectTimeoutSecs: launch.db_connect_timeout_secs,
    sandboxId: args.sandboxId,
  });
  const run = new SandboxRun({
    launch,
    places,
    launched,
    phases,
    record,
    status,
    log,
    env: process.env,
    cpus: args.vcpus,
    memoryMib: args.memoryMib,
    onReady: ({ boot }) => {
      record.maintain(homeOf(launch)).catch((error: Error) => log.warn(`maintenance: ${error.message}`));
      if (boot.kind === 'cold' && boot.wantsTemplate) startTemplateMaker({ args, launch, log });
    },
  });
  const orderly = () => run.end({ reason: 'Completed', exitCode: 0, manner: 'ask' });
  process.on('SIGTERM', orderly);
  process.on('SIGUSR1', orderly);
  if (args.mode === 'attached') {
    watchParent(PARENT_WATCH_FD, () => run.end({ reason: 'Signal', exitCode: 0, manner: 'ask' }));
  }
  const code = await run.run();
  await log.close();
  return code;
}

/** The home that a launch belongs to. */
function homeOf({ db_path, sandboxes_dir }: LaunchConfig): HomeLayout {
  return homeLayout(dirname(dirname(db_path)), { sandboxes: sandboxes_dir });
}
