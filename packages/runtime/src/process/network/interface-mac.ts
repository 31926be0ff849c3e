import type { MachineSettings } from '../machine-settings.ts';

/**
 * Hardware address of a sandbox's interface: `02:6d:73:HH:LL:02` with the low 16 bits of its slot, unless it was given
 * one (spec: network 2). Null for a sandbox without a network.
 */
export function interfaceMac({ network }: Pick<MachineSettings, 'network'>): string | null {
  if (network === null) return null;
  const { slot, mac } = network;
  const bytes = mac ?? [0x02, 0x6d, 0x73, (slot >> 8) & 0xff, slot & 0xff, 0x02];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
