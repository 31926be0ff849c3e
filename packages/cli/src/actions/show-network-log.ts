import { type NetworkEvent, Sandbox } from 'microsandbox';
import type { NetworkLogOptions } from '../commands/network.ts';
import { eventJson, eventLine } from '../output/network-event.ts';
import { writeOut } from '../output/write.ts';
import { parseLogTime } from '../values/log-time.ts';
import { whenStopped } from './when-stopped.ts';

/** `msb network log`: one line a verdict, JSON with `--format json`; with `--follow` until the sandbox stops. */
export async function showNetworkLog(name: string, options: NetworkLogOptions): Promise<number> {
  const handle = await Sandbox.get(name);
  const since = options.since === undefined ? {} : { since: parseLogTime(options.since) };
  const ended = new AbortController();
  const follow = options.follow === true;
  const stopped = follow ? whenStopped(name).finally(() => ended.abort()) : Promise.resolve();
  stopped.catch(() => {}); // What it says is heard below.
  for await (const event of handle.networkEvents({ ...since, follow, signal: ended.signal }))
    print(event, options);
  await stopped;
  return 0;
}

function print(event: NetworkEvent, { denied, format }: NetworkLogOptions): void {
  if (denied && event.action !== 'deny') return;
  writeOut(`${format === 'json' ? eventJson(event) : eventLine(event)}\n`);
}
