import { type NetworkEvent, Sandbox } from 'microsandbox';
import type { NetworkLogOptions } from '../commands/network.ts';
import { eventJson, eventLine } from '../output/network-event.ts';
import { writeOut } from '../output/write.ts';
import { parseLogTime } from '../values/log-time.ts';
import { untilEnded } from './until-ended.ts';
import { whenStopped } from './when-stopped.ts';

/** `msb network log`: one line a verdict, JSON with `--format json`; with `--follow` until the sandbox stops. */
export async function showNetworkLog(name: string, options: NetworkLogOptions): Promise<number> {
  const handle = await Sandbox.get(name);
  const since = options.since === undefined ? {} : { since: parseLogTime(options.since) };
  const events = handle.networkEvents({ ...since, follow: options.follow === true });
  const next = async () => (await events.next()).value ?? null;
  const stopped = options.follow ? whenStopped(name) : new Promise<never>(() => {});
  for await (const event of untilEnded(next, stopped)) print(event, options);
  return 0;
}

function print(event: NetworkEvent, { denied, format }: NetworkLogOptions): void {
  if (denied && event.action !== 'deny') return;
  writeOut(`${format === 'json' ? eventJson(event) : eventLine(event)}\n`);
}
