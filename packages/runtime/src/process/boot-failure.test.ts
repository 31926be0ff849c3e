import { LibkrunfwNotFoundError, MicrosandboxError, RuntimeError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { MachineEnded } from '../vmm/machine-ended.ts';
import { classifyBootFailure } from './boot-failure.ts';
import { helpfulConsole } from './boot-failure-console.ts';
import { classifyProcessEnd } from './boot-failure-process.ts';
import { bootStageOf, errnoInMessage } from './boot-stage.ts';
import { socketTrouble } from './socket-trouble.ts';

const system = (code: string, message: string, errno?: number): Error =>
  Object.assign(new Error(message), { code, errno });

const exit = (code: number | null, signal: NodeJS.Signals | null = null, stderrTail = '') => ({
  code,
  signal,
  stderrTail,
});

describe('classifyBootFailure', () => {
  it.each([
    [{ console: ['[1.0] Kernel panic - not syncing: VFS: Unable to mount'] }, 'kernelPanic', 'other'],
    [
      { console: ['Kernel panic - not syncing: Attempted to kill init! exitcode=0x7'] },
      'kernelPanic',
      'other',
    ],
    [
      { console: ['agentd: init failed: failed to mount /.msb/rootfs/lower: Bad (os error 22)'] },
      'imageBroken',
      'mount',
    ],
    [
      { console: ['erofs: (device vda): cannot find valid erofs superblock', 'agentd: failed to mount /x'] },
      'imageBroken',
      'mount',
    ],
    [
      { console: ['agentd: init failed: create folder /.msb/rootfs/upperfs/upper: Bad (os error 74)'] },
      'diskBroken',
      'mount',
    ],
    [{ console: ['agentd: init failed: failed to mount /data: Bad (os error 22)'] }, 'other', 'mount'],
    [{ console: ['agentd: timed out waiting for guest bootstrap'] }, 'other', 'other'],
    [{ console: ['Out of memory: Killed process 1 (init)'] }, 'outOfMemory', 'other'],
    [{ console: ['agentd: failed to mount /x'], freeBytes: 0 }, 'diskFull', 'other'],
    [{ console: [], exit: exit(1, null, "qemu: Could not open '/x': No such file") }, 'imageBroken', 'image'],
    [
      { console: [], exit: exit(1, null, "qemu: Could not open '/x/upper.ext4': No such file") },
      'diskBroken',
      'image',
    ],
    [{ console: [], exit: exit(1, null, "Could not open '/x': Permission denied") }, 'noPermission', 'image'],
    [{ console: [], exit: exit(1, null, 'Failed to get "write" lock') }, 'diskBroken', 'image'],
    [{ console: [], exit: exit(1, null, 'x: No space left on device') }, 'diskFull', 'build_vm'],
    [{ console: [], exit: exit(1, null, 'Error while loading elf kernel') }, 'kernelBroken', 'build_vm'],
    [
      { console: [], exit: exit(1, null, 'failed to initialize kvm: No such device') },
      'noVirtualisation',
      'build_vm',
    ],
    [
      { console: [], exit: exit(1, null, 'Could not access KVM kernel module: Permission denied') },
      'noPermission',
      'build_vm',
    ],
    [{ console: [], exit: exit(1, null, "cannot set up guest memory 'ram'") }, 'outOfMemory', 'build_vm'],
    [{ console: [], exit: exit(null, 'SIGKILL') }, 'killed', 'other'],
    [{ console: [], exit: exit(null, 'SIGSEGV') }, 'other', 'build_vm'],
    [{ console: [], exit: exit(0) }, 'kernelBroken', 'other'],
    [{ console: ['a word'], exit: exit(0) }, 'other', 'other'],
    [{ console: [], exit: exit(0), memoryMib: 24 }, 'outOfMemory', 'other'],
    [{ console: [], waitedMs: 5000, memoryMib: 40 }, 'outOfMemory', 'other'],
    [{ console: [], waitedMs: 180_000, memoryMib: 64 }, 'agentSilent', 'other'],
    [{ console: [], error: new MachineEnded('QEMU ended', exit(0)) }, 'kernelBroken', 'other'],
    [
      { console: [], error: new MicrosandboxError('vmmNotFound', 'no qemu', { hint: 'install' }) },
      'vmmMissing',
      'other',
    ],
    [{ console: [], error: new LibkrunfwNotFoundError('libkrunfw not found: x') }, 'kernelMissing', 'other'],
    [
      { console: [], error: new MicrosandboxError('unsupported', 'MSB_ACCEL: no vmx/svm in /proc/cpuinfo') },
      'noVirtualisation',
      'other',
    ],
    [
      { console: [], error: new MicrosandboxError('unsupported', 'no permission to open /dev/kvm') },
      'noPermission',
      'other',
    ],
    [{ console: [], error: system('EADDRINUSE', 'bind agent socket') }, 'network', 'network'],
    [
      { console: [], error: new RuntimeError('database: full', { cause: system('SQLITE_FULL', 'full') }) },
      'diskFull',
      'config',
    ],
    [{ console: [], error: new RuntimeError('bind agent socket: busy') }, 'network', 'network'],
    // Our own trouble with a full disk, not a word of the monitor's.
    [{ console: [], error: system('ENOSPC', 'write: no space left on device') }, 'diskFull', 'other'],
    [{ console: [], exit: exit(null, 'SIGKILL'), hostOutOfMemory: true }, 'outOfMemory', 'build_vm'],
    [{ console: [], exit: exit(null, 'SIGKILL'), hostOutOfMemory: false }, 'killed', 'other'],
    [{ console: [], exit: exit(null, 'SIGSEGV'), hostOutOfMemory: true }, 'other', 'build_vm'],
    [{ console: [], error: new RuntimeError('database: locked') }, 'other', 'config'],
  ])('judges %o as %s at stage %s', (evidence, kind, stage) => {
    const failure = classifyBootFailure(evidence, new Date('2026-01-02T03:04:05.678Z'));
    expect(failure).toMatchObject({ kind, record: { stage, t: '2026-01-02T03:04:05.678Z' } });
    expect(failure.record.message).not.toBe('');
  });

  it('says how much memory this machine could not give', () => {
    const words = "qemu-system-x86_64: cannot set up guest memory 'ram': Cannot allocate memory";
    const { record, hint } = classifyBootFailure({ console: [], exit: exit(1, null, words), memoryMib: 512 });
    expect(record.message).toBe(
      "build VM: this machine has too little memory left for a guest of 512 MiB: cannot set up guest memory 'ram': Cannot allocate memory",
    );
    expect(hint).toMatch(/--memory/);
  });

  it('prefers the way out that an error has itself', () => {
    const error = socketTrouble(system('EADDRINUSE', 'listen /run/agent.sock', -98), '/run');
    expect(classifyBootFailure({ console: [], error })).toMatchObject({
      kind: 'network',
      hint: expect.stringContaining('remove /run'),
      record: { errno: 98, message: 'bind agent socket: listen /run/agent.sock' },
    });
  });

  it('keeps the number of the system error and the way out', () => {
    const failure = classifyBootFailure({
      console: ['agentd: failed to mount /.msb/rootfs/lower: Bad (os error 22)'],
    });
    expect(failure.record.errno).toBe(22);
    expect(failure.hint).toContain('msb pull --force');
    expect(classifyBootFailure({ console: [], error: system('ENOSPC', 'full', -28) }).record.errno).toBe(28);
  });

  it('names the disk that can be repaired', () => {
    const failure = classifyBootFailure({
      console: ['agentd: failed to mount /.msb/rootfs/upperfs: Bad (os error 22)'],
      sandboxDir: '/home/sandboxes/web',
    });
    expect(failure.hint).toContain('e2fsck -f /home/sandboxes/web/upper.ext4');
  });
});

describe('helpfulConsole', () => {
  const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`);

  it('is the last twenty lines', () => expect(helpfulConsole(lines)).toEqual(lines.slice(20)));

  it('ends with the first line of a panic', () => {
    lines[30] = 'Kernel panic - not syncing: oh';
    expect(helpfulConsole(lines)).toEqual(lines.slice(11, 31));
  });
});

describe('classifyProcessEnd', () => {
  it('takes the reason from the last words, without the stack', () => {
    const log =
      'x INFO hello\n/a/b.cjs:1\nthrow new Error("x");\n^\n\nError: gone\n    at f (/a/b.cjs:1:2)\n\nNode.js v24\n';
    const failure = classifyProcessEnd({ status: 'exit status: 1', log });
    expect(failure).toMatchObject({ kind: 'processDied', record: { stage: 'other', errno: null } });
    expect(failure.record.message).toBe(
      'sandbox process exited (exit status: 1) before agent relay became available: Error: gone',
    );
    expect(failure.lastLines).toEqual(['x INFO hello', 'throw new Error("x");', 'Error: gone']);
  });

  it('tells a killed process from one that failed, and shows twenty lines at most', () => {
    const failure = classifyProcessEnd({ status: 'signal: SIGKILL', log: 'line\n'.repeat(50) });
    expect(failure.kind).toBe('killed');
    expect(failure.lastLines).toHaveLength(20);
    expect(failure.record.message).toMatch(/available$/);
  });

  it.each([
    ["Error: Cannot find module 'x'", /install it again/],
    ['FATAL ERROR: Reached heap limit', /report/],
    ['', /report/],
  ])('has a way out for %j', (log, hint) =>
    expect(classifyProcessEnd({ status: 'exit status: 1', log }).hint).toMatch(hint),
  );
});

describe('boot error stages', () => {
  it.each([
    ['build VM: x', 'build_vm'],
    ['vm enter failed', 'build_vm'],
    ['mount x: y', 'mount'],
    ['mount data: permission denied', 'mount'],
    ['runtime mount: x', 'mount'],
    ['rootfs: not found /r', 'image'],
    ['database connect: timed out', 'config'],
    ['bind 0.0.0.0:8080: Address already in use', 'network'],
    ['disk format: x', 'image'],
    ['address already in use', 'network'],
    ['invalid config: x', 'config'],
    ['insert run: x', 'config'],
    ['anything', 'other'],
  ])('%s -> %s', (message, stage) => expect(bootStageOf(message)).toBe(stage));
});

describe('errnoInMessage', () => {
  it('takes the last number only', () => {
    expect(errnoInMessage('a (os error 2): b (os error 13)')).toBe(13);
    expect(errnoInMessage('a')).toBeNull();
  });
});
