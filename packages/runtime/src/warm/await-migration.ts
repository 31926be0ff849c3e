import { RuntimeError } from '@microsandbox/types';
import type { QmpClient } from '../qemu/qmp-client.ts';

/** What both ends need: leave memory alone that is a file, and tell of progress. */
const CAPABILITIES = ['x-ignore-shared', 'events'].map((capability) => ({ capability, state: true }));

/** Nobody is to be told that a machine is elsewhere now, least of all before its network is connected. */
const PARAMETERS = { 'announce-rounds': 0 };

/**
 * Runs `migrate` or `migrate-incoming` and waits for its end. The monitor need not be ready yet.
 *
 * @throws RuntimeError when it fails
 */
export async function migrate(
  monitor: QmpClient,
  command: 'migrate' | 'migrate-incoming',
  uri: string,
): Promise<void> {
  let stop = () => {};
  const finished = new Promise<void>((resolve, reject) => {
    stop = monitor.onEvent(({ event, data }) => {
      if (event !== 'MIGRATION') return;
      const { status } = data as { status?: string };
      if (status === 'completed') resolve();
      if (status === 'failed') reject(new RuntimeError(`QEMU ${command} failed`));
    });
  });
  try {
    const commands = [
      monitor.execute('migrate-set-capabilities', { capabilities: CAPABILITIES }),
      monitor.execute('migrate-set-parameters', PARAMETERS),
      monitor.execute(command, { uri }),
    ];
    await Promise.all([...commands, finished]);
  } finally {
    stop();
    finished.catch(() => {});
  }
}
