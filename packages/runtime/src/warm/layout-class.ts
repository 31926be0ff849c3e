import type { VmSpec } from '@microsandbox/types';

/** Changes when machines of the class are built differently, so that older templates are not tried. */
export const LAYOUT_VERSION = 1;

/** Console ports of every machine of the class, in order. */
const PORTS = ['agent', ...Array.from({ length: 8 }, (_, index) => `fs.${index}`)];

/** Block devices of every machine of the class. */
const DISKS = 4;

/** Address of a network interface that nobody uses; the guest sets its own when one does. */
const UNUSED_MAC = '02:00:00:00:00:01';

/** What a machine must add to its specification to be one of the class. */
export interface ClassFilling {
  readonly spec: VmSpec;
  readonly unconnectedPorts: readonly string[];
  readonly emptyDisks: number;
}

/**
 * Why a machine cannot wake from a template, in words, or null when it can. All that can are laid out alike: one
 * console device with the ports `agent` and `fs.0` to `fs.7`, a network interface, four disks.
 */
export function whyOutsideClass(spec: Pick<VmSpec, 'disks' | 'ports'>): string | null {
  if (spec.disks.length > DISKS) return `it has ${spec.disks.length} disks, and templates have ${DISKS}`;
  const odd = spec.ports.find((name, index) => PORTS[index] !== name);
  return odd === undefined ? null : `templates have no port ${odd} at its place`;
}

/** Fills a machine up to the layout of the class. */
export function fillToClass(spec: VmSpec): ClassFilling {
  return {
    spec: { ...spec, network: spec.network ?? { mac: UNUSED_MAC } },
    unconnectedPorts: PORTS.slice(spec.ports.length),
    emptyDisks: DISKS - spec.disks.length,
  };
}
