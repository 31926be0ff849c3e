import { BlockList } from 'node:net';

/** Blocks that no public name should point into (spec: network 12.5; RFC 6890). */
const RESERVED: readonly (readonly [family: 'ipv4' | 'ipv6', network: string, prefix: number])[] = [
  ['ipv4', '0.0.0.0', 8],
  ['ipv4', '10.0.0.0', 8],
  ['ipv4', '100.64.0.0', 10],
  ['ipv4', '127.0.0.0', 8],
  ['ipv4', '169.254.0.0', 16],
  ['ipv4', '172.16.0.0', 12],
  ['ipv4', '192.0.0.0', 24],
  ['ipv4', '192.0.2.0', 24],
  ['ipv4', '192.88.99.0', 24],
  ['ipv4', '192.168.0.0', 16],
  ['ipv4', '198.18.0.0', 15],
  ['ipv4', '198.51.100.0', 24],
  ['ipv4', '203.0.113.0', 24],
  ['ipv4', '224.0.0.0', 4],
  ['ipv4', '240.0.0.0', 4],
  ['ipv6', '::', 128],
  ['ipv6', '::1', 128],
  ['ipv6', '64:ff9b:1::', 48],
  ['ipv6', '100::', 64],
  ['ipv6', '2001:db8::', 32],
  ['ipv6', '3fff::', 20],
  ['ipv6', 'fc00::', 7],
  ['ipv6', 'fe80::', 10],
  ['ipv6', 'fec0::', 10],
  ['ipv6', 'ff00::', 8],
];

const blocks = new BlockList();
for (const [family, network, prefix] of RESERVED) blocks.addSubnet(network, prefix, family);

/** Whether an address is private or reserved. IPv4 inside IPv6 (`::ffff:10.0.0.1`) counts as what it is. */
export function isReservedAddress(address: string): boolean {
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  return blocks.check(address, family);
}
