import { qemuDriver } from '../qemu/qemu-driver.ts';
import { chooseVmm } from '../vmm/choose-vmm.ts';
import { classifyBootFailure } from './boot-failure.ts';
import { LAUNCH_FD, PARENT_WATCH_FD, STATUS_FD } from './descriptors.ts';
import { RotatingFile } from './journal/rotating-file.ts';
import { RuntimeLog } from './journal/runtime-log.ts';
import { RunRecord } from './keeper/run-record.ts';
import { watchParent } from './parent-watch.ts';
import { processPlaces } from './places.ts';
import { parseProcessArguments } from './process-arguments.ts';
import { readLaunchConfig } from './read-launch-config.ts';
import { SandboxRun } from './sandbox-run.ts';
import { StatusChannel } from './status-channel.ts';

/** Exit status for a command line or configuration that cannot be used. */
const BAD_INPUT = 2;

/** The sandbox process: everything it makes is for its user only. */
async function main(): Promise<number> {
  process.umask(0o077);
  const status = new StatusChannel(STATUS_FD);
  status.send({ pid: process.pid });
  // A terminal's signals are for whoever started us; losing them shows on the parent watch.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  try {
    const args = parseProcessArguments(process.argv.slice(2));
    const launch = await readLaunchConfig(LAUNCH_FD);
    const places = processPlaces(launch, args.name);
    const log = new RuntimeLog(new RotatingFile(places.runtimeLog));
    process.title = `microsandbox ${args.name}`;
    const run = new SandboxRun({
      args,
      launch,
      places,
      driver: qemuDriver,
      chooseVmm: () => chooseVmm({ env: process.env }),
      record: new RunRecord({
        dbFile: launch.db_path,
        connectTimeoutSecs: launch.db_connect_timeout_secs,
        sandboxId: args.sandboxId,
      }),
      status,
      log,
      env: process.env,
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
  } catch (error) {
    const { record, kind, hint } = classifyBootFailure({ error, console: [] });
    status.send({ error: record, kind, hint, console: [] });
    return BAD_INPUT;
  } finally {
    await status.close();
  }
}

void main().then((code) => process.exit(code));
