import { learnRules } from '@microsandbox/network';
import { type NetworkEvent, Sandbox } from 'microsandbox';
import { writeErr, writeOut } from '../output/write.ts';

/** `msb policy learn`: options that allow what the last run of a sandbox tried, and nothing else. */
export async function learnPolicy(name: string): Promise<number> {
  const handle = await Sandbox.get(name);
  const events: NetworkEvent[] = [];
  for await (const event of handle.networkEvents({ lastRun: true })) if (event.first) events.push(event);
  const rules = learnRules(events);
  if (rules.length === 0) writeErr('The last run used no network.\n');
  writeOut(['--no-net', ...rules.map((rule) => `--net-rule ${rule}`), ''].join('\n'));
  return 0;
}
