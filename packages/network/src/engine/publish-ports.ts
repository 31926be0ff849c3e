import type { NetworkAddresses, NetworkStack } from '@microsandbox/native';
import type { PublishedPort } from '../config/network-config.ts';

/** What publishing needs. */
export interface PublishOptions {
  readonly stack: Pick<NetworkStack, 'publish'>;
  readonly addresses: NetworkAddresses;
  readonly ports: readonly PublishedPort[];
  readonly onWarning: (message: string) => void;
}

const LOOPBACK = /^(127\.|::1$|\[::1\]$)/;

/**
 * Publishes the guest's ports on the host (spec: network 9). One that cannot be bound is told and left out: a sandbox
 * runs on without it.
 *
 * @returns the ports that are listened on, each with the host's real port
 */
export function publishPorts({ stack, addresses, ports, onWarning }: PublishOptions): PublishedPort[] {
  if (ports.length === 0) return [];
  if (addresses.ipv4 === null && addresses.ipv6 === null) {
    onWarning('published ports are skipped: the guest has no address');
    return [];
  }
  return ports.flatMap((port) => {
    const { protocol, host_bind: hostBind, host_port, guest_port: guestPort } = port;
    const label = `${hostBind}:${host_port} -> ${guestPort}`;
    try {
      const hostPort = stack.publish({ protocol, hostBind, hostPort: host_port, guestPort });
      if (!LOOPBACK.test(hostBind)) {
        onWarning(`published ${protocol.toUpperCase()} port ${label} is reachable from other machines`);
      }
      return [{ ...port, host_port: hostPort }];
    } catch (error) {
      const reason = (error as Error).message;
      onWarning(`published ${protocol.toUpperCase()} port listener failed: ${label}: ${reason}`);
      return [];
    }
  });
}
