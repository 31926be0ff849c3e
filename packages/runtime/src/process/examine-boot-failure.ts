import { freeBytes } from '../files/free-bytes.ts';
import { NotReady } from './await-agent.ts';
import { classifyBootFailure } from './boot-failure.ts';
import { helpfulConsole } from './boot-failure-console.ts';
import { readConsoleTail } from './journal/console-tail.ts';
import type { ProcessPlaces } from './places.ts';
import type { BootErrorReport } from './status-message.ts';

/** Finds out why a boot failed, from the error, the guest's console and the room on disk. */
export async function examineBootFailure(
  error: unknown,
  places: Pick<ProcessPlaces, 'kernelLog' | 'sandboxDir'>,
  memoryMib: number,
): Promise<BootErrorReport> {
  const console = await readConsoleTail(places.kernelLog);
  const evidence = error instanceof NotReady ? error.evidence : { error };
  const { record, kind, hint } = classifyBootFailure({
    ...evidence,
    console,
    sandboxDir: places.sandboxDir,
    memoryMib,
    freeBytes: await freeBytes(places.sandboxDir),
  });
  return { error: record, kind, hint, console: helpfulConsole(console) };
}
