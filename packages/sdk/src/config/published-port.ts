import type { StoredPort } from './sandbox-draft.ts';

const MAX_PORT = 65_535;

/**
 * A published port in stored form; host port 0 takes a free one.
 *
 * @throws Error for an address or a port that is none
 */
export function publishedPort(
  bind: string,
  hostPort: number,
  guestPort: number,
  protocol: StoredPort['protocol'],
): StoredPort {
  // Loaded here, because few sandboxes publish ports and the module is not small.
  if (process.getBuiltinModule('node:net').isIP(bind) === 0) throw new Error(`invalid bind address: ${bind}`);
  if (!isPort(hostPort)) throw new Error('host port out of range');
  if (!isPort(guestPort)) throw new Error('guest port out of range');
  return { host_port: hostPort, guest_port: guestPort, protocol, host_bind: bind };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_PORT;
}
