import { launchConfigSchema } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { readMachineSettings } from './machine-settings.ts';
import { processPlaces } from './places.ts';
import { formatProcessArguments, parseProcessArguments } from './process-arguments.ts';
import { readLaunchConfig } from './read-launch-config.ts';
import { completeBootstrap, parseDiskSpec, planDisks } from './vm-plan.ts';

const minimal = {
  db_path: '/h/db/msb.db',
  db_connect_timeout_secs: 30,
  log_dir: '/h/sandboxes/x/logs',
  runtime_dir: '/h/sandboxes/x/runtime',
  sandboxes_dir: '/h/sandboxes',
  cpu_lease_dir: '',
  writeback_lease_dir: '',
  cpu_placement: 'inherit',
  agent_sock: '/h/run/agent/abc.sock',
  libkrunfw_path: '/k.so',
  lifecycle: {},
  metrics: { sample_interval_ms: 1000, disabled: false },
  rootfs: { disk_readonly: false },
  mounts: [],
  disks: [],
  bootstrap: {},
  exec_args: [],
  sandbox_slot: 1,
};
const launch = (changes: object) => launchConfigSchema.parse({ ...minimal, ...changes });

describe('planDisks', () => {
  it('orders root, upper and data disks and never writes to an image', () => {
    const disks = planDisks(
      launch({
        rootfs: {
          disk: '/i.vmdk',
          disk_format: 'vmdk',
          disk_readonly: false,
          upper: '/u',
          upper_format: null,
        },
        disks: ['data_1:/a:b.img:raw:ro', 'd2:/c.q:qcow2'],
      }),
    );
    expect(disks).toEqual([
      { id: 'root', path: '/i.vmdk', format: 'vmdk', readOnly: true, sync: 'none' },
      { id: 'upper', path: '/u', format: 'raw', readOnly: false, sync: 'full' },
      { id: 'data_1', path: '/a:b.img', format: 'raw', readOnly: true, sync: 'none' },
      { id: 'd2', path: '/c.q', format: 'qcow2', readOnly: false, sync: 'full' },
    ]);
  });

  it('refuses what it cannot do', () => {
    expect(() => planDisks(launch({}))).toThrow('names no root disk');
    const vsock = [{ host_socket: '/s', port: 1, socket_type: 'stream' }];
    expect(() => planDisks(launch({ vsock }))).toThrow(
      'vsock routes need a monitor with a vsock device of its own',
    );
    for (const spec of ['x', 'x:y', ':a:raw', 'id:/a:iso']) expect(() => parseDiskSpec(spec)).toThrow();
  });
});

describe('completeBootstrap', () => {
  it('names the root disk when the launcher did not', () => {
    const rootfs = { disk: '/d', disk_format: 'raw', disk_readonly: false };
    expect(completeBootstrap(launch({ rootfs })).block_root).toEqual({
      kind: 'disk-image',
      device: '/dev/vda',
    });
    const given = { kind: 'disk-image', device: '/dev/vda', fstype: 'ext4' } as const;
    expect(completeBootstrap(launch({ rootfs, bootstrap: { block_root: given } })).block_root).toEqual(given);
  });
});

describe('processPlaces', () => {
  it('finds the run folder of launchers that name none', () => {
    expect(processPlaces(launch({}), 'x').legacyAgentSocket).toMatch(/^\/h\/run\/agent\/[0-9a-f]{32}\.sock$/);
    const canonical = launch({ agent_sock: '/h/run/sandboxes/abc/agent.sock' });
    expect(processPlaces(canonical, 'worker').legacyAgentSocket).toBe(
      '/h/run/agent/87eba76e7f3164534045ba922e7770fb.sock',
    );
  });

  it('publishes no link when the old path itself is bound', () => {
    const bound = launch({ run_dir: '/r', agent_sock: '/r/agent/87eba76e7f3164534045ba922e7770fb.sock' });
    expect(processPlaces(bound, 'worker').legacyAgentSocket).toBeNull();
  });
});

describe('process arguments', () => {
  const values = {
    name: 'a b',
    sandboxId: 3,
    vcpus: 2,
    memoryMib: 512,
    mode: 'detached',
    cacheDir: '/c',
    choice: { driver: 'krun', accelerator: 'kvm', reason: 'kvm is usable' },
    warm: 'off',
    maxTemplates: 4,
  } as const;

  it('are read as they were written', () => {
    expect(parseProcessArguments(formatProcessArguments(values))).toEqual(values);
  });

  it.each([
    '--mode=both',
    '--vmm=xen',
    '--accel=fast',
    '--vcpus=0',
    '--vcpus=x',
    '--name=',
    '--sandbox-id=1.5',
  ])('refuse %s', (argument) => {
    expect(() => parseProcessArguments([...formatProcessArguments(values), argument])).toThrow(/invalid --/);
  });
});

describe('launch configurations', () => {
  it('are refused with the name of what is wrong', () => {
    expect(() => readLaunchConfig({})).toThrow(/^invalid launch config: db_path: /);
    expect(readLaunchConfig({ ...minimal, future: 1 })).toMatchObject({ future: 1 });
    for (const [changes, key] of [
      [{ rootfs: null }, 'rootfs'],
      [{ rootfs: { disk: 7 } }, 'disk'],
      [{ disks: 'x' }, 'disks'],
      [{ mounts: [1] }, 'mounts'],
      [{ libkrunfw_path: undefined }, 'libkrunfw_path'],
    ] as const) {
      expect(() => readMachineSettings({ ...minimal, ...changes })).toThrow(
        `invalid launch config: ${key}: expected`,
      );
    }
    expect(() => readMachineSettings([])).toThrow(/^invalid launch config/);
  });

  it('give the same machine before and after the check of the whole', () => {
    const rootfs = { disk: '/i', disk_format: 'vmdk', disk_readonly: true, upper: '/u' };
    const value = { ...minimal, rootfs, disks: ['d:/x:raw'] };
    expect(planDisks(readMachineSettings(value))).toEqual(planDisks(readLaunchConfig(value)));
    expect(readMachineSettings(value).thp).toBe(readLaunchConfig(value).thp);
  });
});
