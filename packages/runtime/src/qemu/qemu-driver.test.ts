import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VmSpec } from '@microsandbox/types';
import { DEFAULT_HOST_CONFIG, errnoOf } from '@microsandbox/utils';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missingForVms } from '../../test-support/missing-for-vms.ts';
import { tempDir } from '../../test-support/temp-dir.ts';
import { resolveKernel } from '../kernel/resolve-kernel.ts';
import { machineSpec } from '../vmm/machine-spec.ts';
import { qemuDriver } from './qemu-driver.ts';

const missing = missingForVms();

/** A program that answers like a QEMU of that version. */
function qemuOfVersion(version: string): string {
  const path = join(tempDir(), 'qemu-system-x86_64');
  writeFileSync(path, `#!/bin/sh\necho 'QEMU emulator version ${version}'\n`, { mode: 0o755 });
  return path;
}

/** Threads and descriptors come and go while they are looked at. */
function unlessGone(read: () => string): string[] {
  try {
    return [read()];
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}

describe('the probe of QEMU', () => {
  it('says what it found, and what a QEMU that is too old needs', async () => {
    const program = qemuOfVersion('6.2.0');
    expect(await qemuDriver.probe({ env: { MSB_QEMU_PATH: program } })).toEqual({
      available: false,
      evidence: [`QEMU 6.2.0 at ${program}`],
      reason: `QEMU 6.2.0 at ${program} is older than 7.2.0`,
      hint: expect.stringContaining('install a newer QEMU'),
    });
  });

  it('says what one that is new enough can do', async () => {
    const probe = await qemuDriver.probe({ env: { MSB_QEMU_PATH: qemuOfVersion('9.1.2') } });
    expect(probe).toMatchObject({
      available: true,
      version: '9.1.2',
      accelerators: expect.arrayContaining(['tcg']),
      evidence: [expect.stringContaining('QEMU 9.1.2'), expect.stringMatching(/kvm|vmx\/svm|acceleration/)],
      features: { linux: true, snapshot: true, resize: false, network: true, sockets: true },
    });
  });

  it('says what to install where there is none', async () => {
    expect(await qemuDriver.probe({ env: { PATH: '/nonexistent' } })).toMatchObject({
      available: false,
      reason: expect.stringContaining('not found on PATH'),
      hint: expect.stringContaining('install'),
    });
  });
});

describe.skipIf(missing)(`a running QEMU${missing ? ` (skipped: ${missing})` : ''}`, () => {
  async function spec(): Promise<VmSpec> {
    const cacheDir = tempDir();
    const layout = { libDir: join(cacheDir, 'lib'), cacheDir };
    const { libkrunfwPath } = await resolveKernel({ layout, config: DEFAULT_HOST_CONFIG, env: process.env });
    return await machineSpec({
      name: 'confined',
      cpus: 1,
      memoryMib: 128,
      accelerator: 'tcg',
      libkrunfwPath,
      thp: 'madvise',
      disks: [],
      shares: 0,
      mac: null,
      kernelLogPath: join(cacheDir, 'kernel.log'),
      cacheDir,
    });
  }

  it('may gain no privilege, is filtered by seccomp, and knows no more than it needs', async () => {
    const machine = await qemuDriver.launch(await spec());
    onTestFinished(async () => {
      machine.kill();
      await machine.exited;
    });
    const proc = `/proc/${machine.pid}`;
    const threads = readdirSync(`${proc}/task`).flatMap((task) =>
      unlessGone(() => readFileSync(`${proc}/task/${task}/status`, 'utf8')),
    );
    expect(threads.length).toBeGreaterThan(1);
    for (const status of threads) expect(status).toMatch(/^NoNewPrivs:\t1\nSeccomp:\t2$/m);
    expect(readFileSync(`${proc}/environ`, 'utf8')).toBe('LC_ALL=C\0PATH=/usr/bin:/bin\0');
    const open = readdirSync(`${proc}/fd`).flatMap((fd) =>
      unlessGone(() => readlinkSync(`${proc}/fd/${fd}`)),
    );
    const kinds = new Set(open.map((target) => target.replace(/\[\d+\]|\d+/g, '')));
    expect([...kinds].filter((kind) => !/^(socket|pipe|anon_inode|\/dev\/null|\/memfd)/.test(kind))).toEqual([
      expect.stringMatching(/kernel\.log$/),
    ]);
  });
});
