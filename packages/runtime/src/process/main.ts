import { deferred } from '../async/deferred.ts';
import { classifyBootFailure } from './boot-failure.ts';
import { LAUNCH_FD, STATUS_FD } from './descriptors.ts';
import { launchMachine } from './launch-machine.ts';
import { readMachineSettings } from './machine-settings.ts';
import { PhaseClock } from './phase-clock.ts';
import { parseProcessArguments } from './process-arguments.ts';
import { readLaunchJson } from './read-launch-json.ts';
import { StatusChannel } from './status-channel.ts';

/** Exit status for a command line or configuration that cannot be used. */
const BAD_INPUT = 2;

/**
 * The sandbox process. Its first concern is to have the monitor running; everything else is loaded while the
 * guest boots. All files it makes are for its user only.
 */
async function main(): Promise<number> {
  process.umask(0o077);
  const status = new StatusChannel(STATUS_FD);
  status.send({ pid: process.pid });
  const phases = new PhaseClock((phase, elapsedMs) => status.send({ phase, elapsedMs }));
  // A terminal's signals are for whoever started us; losing them shows on the parent watch.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  try {
    const args = parseProcessArguments(process.argv.slice(2));
    const launch = await readLaunchJson(LAUNCH_FD);
    phases.reached('spawn');
    const spawned = deferred<void>();
    const launched = launchMachine({
      args,
      settings: readMachineSettings(launch),
      env: process.env,
      onSpawn: () => spawned.resolve(),
    });
    launched.then(
      () => phases.reached('vmm'),
      () => spawned.resolve(),
    );
    await spawned.promise;
    const { serve } = await import('./serve.ts');
    return await serve({ args, launch, launched, phases, status });
  } catch (error) {
    const { record, kind, hint } = classifyBootFailure({ error, console: [] });
    status.send({ error: record, kind, hint, console: [] });
    return BAD_INPUT;
  } finally {
    await status.close();
  }
}

void main().then((code) => process.exit(code));
