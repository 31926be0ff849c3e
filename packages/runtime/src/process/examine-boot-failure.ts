import { freeBytes } from '../files/free-bytes.ts';
import { NotReady } from './await-agent.ts';
import { classifyBootFailure } from './boot-failure.ts';
import { helpfulConsole } from './boot-failure-console.ts';
import { readConsoleTail } from './journal/console-tail.ts';
import { oomKills } from './oom-kills.ts';
import type { ProcessPlaces } from './places.ts';
import type { BootErrorReport } from './status-message.ts';

/** What is known about a boot beside how it failed. */
export interface BootCircumstances {
  readonly places: Pick<ProcessPlaces, 'kernelLog' | 'sandboxDir'>;
  readonly memoryMib: number;
  /** {@link oomKills} when the boot began. */
  readonly oomKillsBefore: number | null;
}

/** Finds out why a boot failed, from the error, the guest's console, and the room on disk and in memory. */
export async function examineBootFailure(
  error: unknown,
  { places, memoryMib, oomKillsBefore }: BootCircumstances,
): Promise<BootErrorReport> {
  const console = await readConsoleTail(places.kernelLog);
  const oomKillsNow = await oomKills();
  const evidence = error instanceof NotReady ? error.evidence : { error };
  const { record, kind, hint } = classifyBootFailure({
    ...evidence,
    console,
    sandboxDir: places.sandboxDir,
    memoryMib,
    hostOutOfMemory: oomKillsBefore !== null && oomKillsNow !== null && oomKillsNow > oomKillsBefore,
    freeBytes: await freeBytes(places.sandboxDir),
  });
  return { error: record, kind, hint, console: helpfulConsole(console) };
}
