import type { ExecHandle } from 'microsandbox';
import { printWarning } from '../errors/notice.ts';

/**
 * Passes our standard input on to a command until either side ends. Disposing stops reading, so that a pipe nobody
 * writes to does not keep us here.
 */
export async function forwardStdin(handle: ExecHandle): Promise<Disposable> {
  const sink = await handle.takeStdin();
  let stopped = false;
  const copy = async (): Promise<void> => {
    if (sink === null) return;
    for await (const chunk of process.stdin) await sink.write(chunk as Buffer);
    await sink.close();
  };
  copy().catch((error: unknown) => {
    // A command that ended without reading everything is no mistake; a broken input of ours is one.
    if (!stopped && isReadError(error)) {
      printWarning(`failed to forward stdin to guest: ${(error as Error).message}`);
      sink?.close().catch(() => {});
    }
  });
  return {
    [Symbol.dispose]() {
      stopped = true;
      process.stdin.destroy();
    },
  };
}

function isReadError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === 'read';
}
