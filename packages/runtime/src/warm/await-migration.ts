import { RuntimeError } from '@microsandbox/types';
import type { QmpClient } from '../qemu/qmp-client.ts';

/** Capabilities both ends need: leave memory alone that is a file, and tell of progress. */
const CAPABILITIES = ['x-ignore-shared', 'events'].map((capability) => ({ capability, state: true }));

/**
 * Runs `migrate` or `migrate-incoming` and waits for its end.
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
      monitor.execute(command, { uri }),
    ];
    await Promise.all([...commands, finished]);
  } finally {
    stop();
    finished.catch(() => {});
  }
}
