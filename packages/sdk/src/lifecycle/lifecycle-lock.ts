import { SandboxStillRunningError } from '@microsandbox/types';
import { type FileLock, sleep, tryFileLock } from '@microsandbox/utils';
import type { SandboxPlace } from './sandbox-place.ts';

const TIMEOUT_MS = 5000;
const POLL_MS = 50;

/**
 * Takes the lock that whoever changes a sandbox's sockets or folder must hold; a running sandbox holds it for
 * its whole life. `onBusy` is asked while somebody else holds it, and may give up by throwing.
 *
 * @throws SandboxStillRunningError after 5 s
 */
export async function acquireLifecycleLock(
  place: SandboxPlace,
  onBusy?: () => Promise<void>,
): Promise<FileLock> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const lock = await tryFileLock(place.paths.lifecycleLock);
    if (lock !== null) return lock;
    await onBusy?.();
    if (performance.now() >= deadline) {
      throw new SandboxStillRunningError(
        `sandbox still running: sandbox ${JSON.stringify(place.name)} runtime still owns its lifecycle lock`,
        { hint: `stop it first: msb stop ${place.name}` },
      );
    }
    await sleep(POLL_MS);
  }
}
