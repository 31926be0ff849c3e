import type { NetworkEvent } from 'microsandbox';
import { printable } from './printable.ts';

/** Where an event went to: `example.com (93.184.216.34:443/tcp)`. */
export function eventTarget({ hostname, address, port, protocol, direction }: NetworkEvent): string {
  if (direction === 'dns') return `${printable(hostname ?? '?')} (name)`;
  const bare = address ?? '?';
  const endpoint = port === null ? bare : `${bare.includes(':') ? `[${bare}]` : bare}:${port}`;
  const place = `${endpoint}/${protocol}`;
  return hostname === null ? place : `${printable(hostname)} (${place})`;
}

/** One line for people: time, verdict, direction, target, count, reason and the way out. */
export function eventLine(event: NetworkEvent): string {
  const { at, action, direction, count, first, decidedBy, rule, allowRule } = event;
  const times = first ? '' : ` x${count}`;
  const why = rule === null ? decidedBy : `rule ${rule}`;
  const way = allowRule === null ? '' : `, allow it with --net-rule '${allowRule}'`;
  return `${at.toISOString()} ${action.padEnd(5)} ${direction.padEnd(7)} ${eventTarget(event)}${times} (${why}${way})`;
}

/** The same for programs. */
export function eventJson(event: NetworkEvent): string {
  const { at, hostname, decidedBy, allowRule, ...rest } = event;
  return JSON.stringify({
    t: at.toISOString(),
    ...rest,
    hostname,
    decided_by: decidedBy,
    allow_rule: allowRule,
  });
}
