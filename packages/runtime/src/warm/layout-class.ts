import type { VmSpec } from '@microsandbox/types';
import { AGENT_PORT, sharePort } from '../vmm/guest-setup.ts';

/** Changes when machines of a class are built differently, so that older templates are not tried. */
export const LAYOUT_VERSION = 3;

/**
 * Numbers of file-sharing ports that classes have. A port costs the guest 4 MiB of buffers, used or not, so a
 * machine gets the smallest class it fits in.
 */
const FS_PORTS = [0, 1, 4, 8] as const;

/** Block devices of every machine. */
const DISKS = 4;

/** Address of a network interface that nobody uses; the guest sets its own when one does. */
const UNUSED_MAC = '02:00:00:00:00:01';

type Layout = Pick<VmSpec, 'disks' | 'ports'>;

/** What a machine must add to its specification to be one of its class. */
export interface ClassFilling {
  readonly spec: VmSpec;
  readonly unconnectedPorts: readonly string[];
  readonly emptyDisks: number;
}

/**
 * Why a machine cannot wake from a template, in words, or null when it can. Machines of a class are laid out alike:
 * one console device with the port `agent` and some ports `fs.0`, `fs.1`, ..., a network interface, four disks.
 */
export function whyOutsideClass({ disks, ports }: Layout): string | null {
  if (disks.length > DISKS) return `it has ${disks.length} disks, and templates have ${DISKS}`;
  const expected = [AGENT_PORT, ...fsPorts(ports.length - 1)];
  const odd = ports.find((name, index) => expected[index] !== name);
  if (odd !== undefined) return `templates have no port ${odd} at its place`;
  return fsPortsOfClass({ disks, ports }) === null ? `it has ${ports.length} ports` : null;
}

/** Name of the class a machine belongs to. */
export function layoutClass(layout: Layout): string {
  return `v${LAYOUT_VERSION}.${fsPortsOfClass(layout) ?? 'none'}fs`;
}

/** Fills a machine up to the layout of its class. */
export function fillToClass(spec: VmSpec): ClassFilling {
  return {
    spec: { ...spec, network: spec.network ?? { mac: UNUSED_MAC } },
    unconnectedPorts: [AGENT_PORT, ...fsPorts(fsPortsOfClass(spec) ?? 0)].slice(spec.ports.length),
    emptyDisks: DISKS - spec.disks.length,
  };
}

function fsPortsOfClass({ ports }: Layout): number | null {
  return FS_PORTS.find((count) => count >= ports.length - 1) ?? null;
}

function fsPorts(count: number): string[] {
  return Array.from({ length: Math.max(0, count) }, (_, index) => sharePort(index));
}
