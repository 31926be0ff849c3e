import { sleep } from '@microsandbox/utils';
import type { NetworkEvent, Sandbox } from 'microsandbox';
import { paintErr } from '../output/colour.ts';
import { eventTarget } from '../output/network-event.ts';
import { writeErr } from '../output/write.ts';

/** Destinations that are named. */
const SHOWN = 3;

/** A verdict is written down a moment after the guest learns it. */
const WRITING_MS = 50;

/** Says what was refused while a command ran that failed, and how to allow it. */
export async function printDenials(sandbox: Sandbox, since: Date): Promise<void> {
  await sleep(WRITING_MS);
  const denied: NetworkEvent[] = [];
  try {
    for await (const event of sandbox.networkEvents({ since }))
      if (event.action === 'deny') denied.push(event);
  } catch {
    // The sandbox is gone already; the command's own failure is what counts.
    return;
  }
  const hint = denialHint(denied);
  if (hint !== null) writeErr(`${paintErr('dim', 'hint:')} ${hint}\n`);
}

/** `3 connections were denied: example.com (93.184.216.34:443/tcp); allow it with --net-rule '...'`, or null. */
export function denialHint(denied: readonly NetworkEvent[]): string | null {
  if (denied.length === 0) return null;
  const count = denied.reduce((sum, event) => sum + event.count, 0);
  const targets = [...new Set(denied.map(eventTarget))];
  const rules = [...new Set(denied.map(({ allowRule }) => allowRule).filter((rule) => rule !== null))];
  const more = targets.length > SHOWN ? ` and ${targets.length - SHOWN} more` : '';
  const what = `${count === 1 ? '1 connection was' : `${count} connections were`} denied`;
  const shown = rules.slice(0, SHOWN).join(',');
  const way =
    rules.length === 0 ? '' : `; allow ${rules.length === 1 ? 'it' : 'them'} with --net-rule '${shown}'`;
  return `${what}: ${targets.slice(0, SHOWN).join(', ')}${more}${way}`;
}
