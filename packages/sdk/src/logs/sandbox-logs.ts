import { currentBackend } from '../backend/current-backend.ts';
import { sandboxPlace } from '../lifecycle/sandbox-place.ts';
import type { LogReadOptions, LogStreamOptions } from './log-options.ts';
import { LogStream } from './log-stream.ts';
import { type LogSnapshot, readLogsSnapshot } from './read-logs.ts';

/**
 * Logs by a sandbox's name alone, from its folder, without looking into the catalog.
 *
 * @throws SandboxNotFoundError when there is no logs folder
 */
export async function readSandboxLogs(name: string, options: LogReadOptions = {}): Promise<LogSnapshot> {
  return readLogsSnapshot(await sandboxPlace(currentBackend().local('Sandbox::logs'), name), options);
}

/** Like {@link readSandboxLogs}, entry by entry and, with `follow`, on and on. */
export async function streamSandboxLogs(name: string, options: LogStreamOptions = {}): Promise<LogStream> {
  return LogStream.open(await sandboxPlace(currentBackend().local('Sandbox::log_stream'), name), options);
}
