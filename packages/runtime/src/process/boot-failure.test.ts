import { LibkrunfwNotFoundError, MicrosandboxError, RuntimeError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { classifyBootFailure } from './boot-failure.ts';
import { bootStageOf, errnoInMessage } from './boot-stage.ts';

const exit = (code: number | null, signal: string | null = null, stderrTail = '') => ({
  code,
  signal,
  stderrTail,
});

describe('classifyBootFailure', () => {
  it.each([
    [{ console: ['[1.0] Kernel panic - not syncing: VFS: Unable to mount'] }, 'kernelPanic', 'other'],
    [{ console: ['agentd: init failed: failed to mount /a: Bad (os error 22)'] }, 'imageBroken', 'mount'],
    [{ console: ['agentd: timed out waiting for guest bootstrap'] }, 'other', 'other'],
    [{ console: ['Out of memory: Killed process 1 (init)'] }, 'outOfMemory', 'other'],
    [{ console: [], exit: exit(1, null, "qemu: Could not open '/x': No such file") }, 'imageBroken', 'image'],
    [{ console: [], exit: exit(1, null, 'Failed to get "write" lock') }, 'imageBroken', 'image'],
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
    [{ console: [], exit: exit(0) }, 'other', 'other'],
    [{ console: [], waitedMs: 180_000 }, 'agentSilent', 'other'],
    [
      { console: [], error: new MicrosandboxError('vmmNotFound', 'no qemu', { hint: 'install' }) },
      'vmmMissing',
      'other',
    ],
    [{ console: [], error: new LibkrunfwNotFoundError('libkrunfw not found: x') }, 'kernelMissing', 'other'],
    [{ console: [], error: new RuntimeError('bind agent socket: busy') }, 'other', 'network'],
    [{ console: [], error: new RuntimeError('database: locked') }, 'other', 'config'],
  ])('judges %o as %s at stage %s', (evidence, kind, stage) => {
    const failure = classifyBootFailure(evidence, new Date('2026-01-02T03:04:05.678Z'));
    expect(failure).toMatchObject({ kind, record: { stage, t: '2026-01-02T03:04:05.678Z' } });
    expect(failure.record.message).not.toBe('');
  });

  it('keeps the number of the system error and the way out', () => {
    const failure = classifyBootFailure({ console: ['agentd: failed to mount /a: Bad (os error 22)'] });
    expect(failure.record.errno).toBe(22);
    expect(failure.hint).toContain('msb pull --force');
  });
});

describe('bootStageOf', () => {
  it.each([
    ['build VM: x', 'build_vm'],
    ['vm enter failed', 'build_vm'],
    ['mount data: permission denied', 'mount'],
    ['runtime mount: x', 'mount'],
    ['rootfs: x', 'image'],
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
