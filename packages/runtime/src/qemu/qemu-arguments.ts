import { type Accelerator, InvalidConfigError, type VmDisk, type VmSpec } from '@microsandbox/types';

/** Descriptors of the child, one for each channel of the machine. */
export interface QemuDescriptors {
  readonly monitor: number;
  /** By port name, for every name of {@link VmSpec.ports}. */
  readonly ports: ReadonlyMap<string, number>;
  /** Needed when the machine has a network interface. */
  readonly network?: number;
}

/** What makes a machine one of a template, beyond its specification (spec: runtime D6b). */
export interface QemuTemplateOptions {
  /** Ports after those of the specification that exist but lead nowhere. */
  readonly unconnectedPorts: readonly string[];
  /** Disks after those of the specification that exist but hold nothing. */
  readonly emptyDisks: number;
  /** File that is the guest's memory: shared by the template itself, a private copy for what wakes from it. */
  readonly memory: { readonly path: string; readonly use: 'shared' | 'private' | 'private-read-only' };
  /** Wait for a saved state instead of booting. */
  readonly incoming: boolean;
}

/** virtio-mmio transports of `microvm` without ACPI (spec: runtime D3). */
const MAX_DEVICES = 8;

/**
 * Processor of an emulated machine: all that QEMU can emulate, with two exceptions. Strings are not to be moved byte by
 * byte: real processors do that at once, emulation takes a step for each byte, and these were a tenth of a boot's
 * instructions. And there is no virtualization in emulation, which a kernel spends 40 ms of its boot on.
 */
export const EMULATED_PROCESSOR = 'max,erms=off,fsrm=off,svm=off';

/**
 * Translated code that is kept, in MiB. A boot and its first command fill a fifth of it. By default QEMU keeps up to a
 * gigabyte, which a guest could make it take beside its own memory.
 */
const TRANSLATIONS_MIB = 128;

/** Largest serial that a virtio block device can carry, in bytes. */
const MAX_SERIAL_BYTES = 20;

/**
 * Command line of a `microvm` that boots `spec` (spec: runtime D1, D3, D4).
 *
 * `acpi=off` is what makes QEMU describe its devices on the kernel's command line, at its end. `rtc=on` matters
 * much: without a clock to read, the kernel waits two seconds for one. Block devices are opened by `-blockdev`,
 * which never probes a format.
 *
 * @throws InvalidConfigError when the machine needs more devices than there are
 */
export function qemuArguments(
  spec: VmSpec,
  descriptors: QemuDescriptors,
  template?: QemuTemplateOptions,
): string[] {
  assertFits(spec, template?.emptyDisks ?? 0);
  return [
    ...['-name', commaEscaped(`microsandbox ${spec.name}`)],
    ...['-machine', `microvm,acpi=off,rtc=on${template ? ',memory-backend=memory' : ''}`],
    ...(template ? memoryFile(spec, template.memory) : []),
    ...(template?.incoming ? ['-incoming', 'defer'] : []),
    ...['-accel', accelerator(spec.accelerator, spec.cpus)],
    ...['-cpu', spec.accelerator === 'tcg' ? EMULATED_PROCESSOR : 'host'],
    ...['-smp', String(spec.cpus)],
    ...['-m', `${spec.memoryMib}M`],
    ...['-nodefaults', '-no-user-config', '-no-reboot'],
    ...['-display', 'none', '-serial', 'none', '-parallel', 'none', '-monitor', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-global', 'virtio-mmio.force-legacy=false'],
    ...['-kernel', spec.kernelPath],
    ...['-initrd', spec.initramfsPath],
    ...['-append', spec.commandLine.join(' ')],
    ...['-chardev', `socket,id=monitor,fd=${descriptors.monitor}`, '-mon', 'chardev=monitor,mode=control'],
    ...consoles(spec, descriptors),
    ...(template?.unconnectedPorts ?? []).flatMap((name) => device({ driver: 'virtserialport', name })),
    ...network(spec, descriptors),
    ...spec.disks.flatMap(disk),
    ...Array.from({ length: template?.emptyDisks ?? 0 }, (_, index) =>
      emptyDisk(spec.disks.length + index),
    ).flat(),
  ];
}

function memoryFile(spec: VmSpec, { path, use }: QemuTemplateOptions['memory']): string[] {
  return [
    '-object',
    JSON.stringify({
      'qom-type': 'memory-backend-file',
      id: 'memory',
      size: spec.memoryMib * 1024 * 1024,
      'mem-path': path,
      share: use === 'shared',
      ...(use === 'private-read-only' && { readonly: true, rom: 'off' }),
    }),
  ];
}

function accelerator(name: Accelerator, cpus: number): string {
  if (name !== 'tcg') return name;
  // With one host thread per vCPU, kernel text patching races under emulation and the guest dies (D1).
  return `tcg,tb-size=${TRANSLATIONS_MIB}${cpus > 1 ? ',thread=single' : ''}`;
}

/** One virtio-serial device: console 0 goes to the log, the named ports to their sockets. */
function consoles(spec: VmSpec, descriptors: QemuDescriptors): string[] {
  return [
    ...device({ driver: 'virtio-serial-device', id: 'serial' }),
    // append: the log can be cut while the machine runs, and the next byte lands at its new end.
    ...['-chardev', `file,id=console,append=on,path=${commaEscaped(spec.kernelLogPath)}`],
    ...device({ driver: 'virtconsole', chardev: 'console' }),
    ...spec.ports.flatMap((name, index) => [
      ...['-chardev', `socket,id=port${index},fd=${descriptorOf(name, descriptors)}`],
      ...device({ driver: 'virtserialport', id: portDevice(index), chardev: `port${index}`, name }),
    ]),
  ];
}

/** Name by which QEMU tells what happens to a console port. */
export const portDevice = (index: number): string => `port${index}`;

function descriptorOf(name: string, { ports }: QemuDescriptors): number {
  const fd = ports.get(name);
  if (fd === undefined) throw new RangeError(`no descriptor for port ${name}`);
  return fd;
}

function network(spec: VmSpec, descriptors: QemuDescriptors): string[] {
  if (spec.network === undefined) return [];
  if (descriptors.network === undefined) throw new RangeError('no descriptor for the network');
  return [
    ...['-netdev', `stream,id=net0,server=off,addr.type=fd,addr.str=${descriptors.network}`],
    // Nobody has to hear that a machine which woke is elsewhere now. (QEMU 7.2 crashes when a card that may announce
    // itself, and was told to do so no times, is taken from its driver.)
    ...device({
      driver: 'virtio-net-device',
      netdev: 'net0',
      mac: spec.network.mac,
      guest_announce: false,
    }),
  ];
}

function disk(entry: VmDisk, index: number): string[] {
  const node = `disk${index}`;
  const cache = { direct: false, 'no-flush': entry.sync === 'none' };
  const common = { 'read-only': entry.readOnly, cache, discard: entry.readOnly ? 'ignore' : 'unmap' };
  return [
    '-blockdev',
    JSON.stringify({
      'node-name': node,
      driver: entry.format,
      ...common,
      file: { driver: 'file', filename: entry.path, ...common },
    }),
    // By default QEMU halts a machine whose disk finds no space, without a word to anybody; the guest is to know.
    ...device({ driver: 'virtio-blk-device', drive: node, serial: entry.id, werror: 'report' }),
  ];
}

/** Fills a slot of the machine's layout; no driver in the guest ever looks at it. */
function emptyDisk(index: number): string[] {
  const node = `disk${index}`;
  return [
    ...['-blockdev', JSON.stringify({ 'node-name': node, driver: 'null-co', size: 1024 * 1024 })],
    ...device({ driver: 'virtio-blk-device', drive: node }),
  ];
}

function device(properties: Record<string, string | boolean>): string[] {
  return ['-device', JSON.stringify(properties)];
}

/** QEMU's option syntax ends a value at a comma; a doubled one stands for itself. */
function commaEscaped(text: string): string {
  return text.replaceAll(',', ',,');
}

function assertFits(spec: VmSpec, emptyDisks: number): void {
  const devices = [
    'console',
    ...(spec.network ? ['network'] : []),
    ...spec.disks.map(({ id }) => `disk ${id}`),
    ...new Array<string>(emptyDisks).fill('empty disk'),
  ];
  if (devices.length > MAX_DEVICES) {
    throw new InvalidConfigError(
      `the machine needs ${devices.length} devices and QEMU's microvm has ${MAX_DEVICES}: ${devices.join(', ')}`,
      { hint: 'attach fewer disks' },
    );
  }
  const serial = spec.disks.find(({ id }) => Buffer.byteLength(id) > MAX_SERIAL_BYTES)?.id;
  if (serial !== undefined) {
    throw new InvalidConfigError(`disk id longer than ${MAX_SERIAL_BYTES} bytes: ${serial}`);
  }
}
