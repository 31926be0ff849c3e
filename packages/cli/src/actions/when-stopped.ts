import { SandboxNotFoundError } from '@microsandbox/types';
import { sleep } from '@microsandbox/utils';
import { Sandbox } from 'microsandbox';

/** How often a followed sandbox is asked whether it still runs. */
const STOP_POLL_MS = 500;

/** Resolves when the sandbox does not run, or is gone. */
export async function whenStopped(name: string): Promise<void> {
  for (;;) {
    const handle = await Sandbox.get(name).catch((error: unknown) => {
      if (error instanceof SandboxNotFoundError) return null;
      throw error;
    });
    if (handle === null || ['stopped', 'crashed', 'created'].includes(handle.status)) return;
    await sleep(STOP_POLL_MS);
  }
}
