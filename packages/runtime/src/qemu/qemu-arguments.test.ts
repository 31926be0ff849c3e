import type { VmSpec } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { qemuArguments } from './qemu-arguments.ts';

const spec: VmSpec = {
  name: 'a,b',
  cpus: 1,
  memoryMib: 512,
  kernelPath: '/k.elf',
  initramfsPath: '/i.cpio',
  commandLine: ['console=hvc0', 'quiet'],
  disks: [
    { id: 'root', path: '/img,x.vmdk', format: 'vmdk', readOnly: true, sync: 'none' },
    { id: 'upper', path: '/u.ext4', format: 'raw', readOnly: false, sync: 'full' },
  ],
  ports: ['agent', 'fs.0'],
  network: { mac: '02:00:00:00:00:01' },
  kernelLogPath: '/logs,1/kernel.log',
  accelerator: 'tcg',
};
const descriptors = {
  monitor: 3,
  ports: new Map([
    ['agent', 4],
    ['fs.0', 5],
  ]),
  network: 6,
};

/** Values of every occurrence of an option. */
function valuesOf(option: string, args: readonly string[]): string[] {
  return args.filter((_, index) => args[index - 1] === option);
}

describe('qemuArguments', () => {
  const args = qemuArguments(spec, descriptors);

  it('describes a microvm that is shut in', () => {
    expect(valuesOf('-machine', args)).toEqual(['microvm,acpi=off,rtc=on']);
    expect(valuesOf('-sandbox', args)).toEqual([
      'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    ]);
    expect(valuesOf('-append', args)).toEqual(['console=hvc0 quiet']);
    expect(valuesOf('-m', args)).toEqual(['512M']);
    expect(args).toEqual(expect.arrayContaining(['-nodefaults', '-no-user-config', '-no-reboot']));
  });

  it('doubles commas where QEMU splits at them', () => {
    expect(valuesOf('-name', args)).toEqual(['microsandbox a,,b']);
    expect(valuesOf('-chardev', args)).toContain('file,id=console,append=on,path=/logs,,1/kernel.log');
  });

  it('hands every channel over by its descriptor', () => {
    expect(valuesOf('-chardev', args)).toEqual(
      expect.arrayContaining(['socket,id=monitor,fd=3', 'socket,id=port0,fd=4', 'socket,id=port1,fd=5']),
    );
    expect(valuesOf('-netdev', args)).toEqual(['stream,id=net0,server=off,addr.type=fd,addr.str=6']);
  });

  it('puts devices in the order of the guest: console, ports, network, disks', () => {
    const devices = valuesOf('-device', args).map((text) => JSON.parse(text));
    expect(devices.map(({ driver, name, serial }) => name ?? serial ?? driver)).toEqual([
      'virtio-serial-device',
      'virtconsole',
      'agent',
      'fs.0',
      'virtio-net-device',
      'root',
      'upper',
    ]);
  });

  it('opens disks without probing, flushes as asked', () => {
    const [root, upper] = valuesOf('-blockdev', args).map((text) => JSON.parse(text));
    expect(root).toMatchObject({
      driver: 'vmdk',
      'read-only': true,
      file: { driver: 'file', filename: '/img,x.vmdk', 'read-only': true },
    });
    expect(upper).toMatchObject({
      driver: 'raw',
      'read-only': false,
      discard: 'unmap',
      cache: { 'no-flush': false },
    });
  });

  it('runs several emulated processors on one thread, and bounds the translations it keeps', () => {
    const accel = (accelerator: VmSpec['accelerator'], cpus: number) =>
      valuesOf('-accel', qemuArguments({ ...spec, accelerator, cpus }, descriptors))[0];
    expect([accel('tcg', 1), accel('tcg', 4), accel('kvm', 4)]).toEqual([
      'tcg,tb-size=128',
      'tcg,tb-size=128,thread=single',
      'kvm',
    ]);
    expect(valuesOf('-cpu', qemuArguments({ ...spec, accelerator: 'kvm' }, descriptors))).toEqual(['host']);
  });

  it.each([
    ['shared', { share: true }],
    ['private', { share: false }],
    ['private-read-only', { share: false, readonly: true, rom: 'off' }],
  ] as const)('maps the memory of a template: %s', (use, how) => {
    const template = {
      unconnectedPorts: ['fs.1'],
      emptyDisks: 2,
      memory: { path: '/m', use },
      incoming: true,
    };
    const ofTemplate = qemuArguments(spec, descriptors, template);
    expect(valuesOf('-object', ofTemplate).map((text) => JSON.parse(text))).toEqual([
      { 'qom-type': 'memory-backend-file', id: 'memory', size: 512 << 20, 'mem-path': '/m', ...how },
    ]);
    expect(valuesOf('-machine', ofTemplate)).toEqual(['microvm,acpi=off,rtc=on,memory-backend=memory']);
    expect(valuesOf('-incoming', ofTemplate)).toEqual(['defer']);
    expect(valuesOf('-device', ofTemplate).map((text) => JSON.parse(text).driver)).toEqual([
      'virtio-serial-device',
      'virtconsole',
      ...new Array(3).fill('virtserialport'),
      'virtio-net-device',
      ...new Array(4).fill('virtio-blk-device'),
    ]);
  });

  it('refuses more devices than there are, with their list', () => {
    const disk = (id: string) => ({ id, path: '/d', format: 'raw', readOnly: true, sync: 'none' }) as const;
    const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(disk);
    expect(() => qemuArguments({ ...spec, disks: many }, descriptors)).toThrow(
      "needs 9 devices and QEMU's microvm has 8: console, network, disk a",
    );
    expect(() => qemuArguments({ ...spec, disks: [disk('x'.repeat(21))] }, descriptors)).toThrow(/20 bytes/);
  });
});
