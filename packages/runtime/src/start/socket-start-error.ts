import type { BootStartError } from '@microsandbox/types';
import { socketTrouble } from '../process/socket-trouble.ts';
import { bootStartErrorOf } from './boot-start-error-of.ts';
import { BootTraces } from './boot-traces.ts';

/** Whose sockets could not be cleared away. */
export interface SocketOwner {
  readonly name: string;
  readonly socketDir: string;
  readonly logsDir: string;
}

/** What an earlier run left in the place of a sandbox's sockets stays there: a boot that failed, kept in the logs. */
export async function socketStartError(error: unknown, owner: SocketOwner): Promise<BootStartError> {
  const failure = bootStartErrorOf(owner.name, socketTrouble(error, owner.socketDir));
  const traces = new BootTraces(owner.logsDir);
  await traces.begin().then(
    () => traces.keep(failure.record),
    () => {},
  );
  return failure;
}
