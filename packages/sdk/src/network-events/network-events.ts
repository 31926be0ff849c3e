import { lstat } from 'node:fs/promises';
import type { NetworkLogRecord } from '@microsandbox/types';
import { sandboxNotFound } from '../lifecycle/find-sandbox.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { eventOfRecord, type NetworkEvent, type NetworkEventOptions } from './network-event.ts';
import { readNetworkLog } from './read-network-log.ts';

/**
 * What a sandbox's network policy said, oldest first. Reads a file only, so it works in every state; without a network
 * there is nothing.
 *
 * @throws SandboxNotFoundError when the sandbox has no logs folder
 */
export async function* networkEvents(
  { name, paths }: Pick<SandboxPlace, 'name' | 'paths'>,
  { follow = false, signal, since, lastRun = false }: NetworkEventOptions = {},
): AsyncGenerator<NetworkEvent, void, void> {
  const folder = await lstat(paths.logsDir).catch(() => null);
  if (folder === null || !folder.isDirectory()) throw sandboxNotFound(name);
  const source = { path: paths.networkLog, folder: paths.logsDir };
  const from = lastRun ? await lastStart(source) : undefined;
  for await (const record of readNetworkLog({ ...source, follow, signal })) {
    if (record.type !== 'verdict') continue;
    const event = eventOfRecord(record);
    if (since !== undefined && event.at < since) continue;
    if (from !== undefined && event.at < from) continue;
    yield event;
  }
}

async function lastStart(source: {
  readonly path: string;
  readonly folder: string;
}): Promise<Date | undefined> {
  let last: NetworkLogRecord | null = null;
  for await (const record of readNetworkLog({ ...source, follow: false })) {
    if (record.type === 'started') last = record;
  }
  return last === null ? undefined : new Date(last.t);
}
