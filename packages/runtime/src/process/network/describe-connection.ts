import type { ConnectionEvent } from '@microsandbox/network';

/** A line for the log. Values of secrets are in no event. */
export function describeConnection(event: ConnectionEvent): string {
  if (event.type === 'violation') {
    const fields = Object.entries(event.report).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    return `secret violation detected ${fields.join(' ')}`;
  }
  const { address, port } = event.destination;
  const what = event.type === 'refused' ? 'request refused' : 'server not reached';
  return `${what}: ${event.serverName ?? address}:${port}: ${event.reason}`;
}
