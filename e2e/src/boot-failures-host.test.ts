import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findProgram, mustRun, runCommand } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootSubject } from './support/boot-subject.ts';
import { msb } from './support/consumer.ts';
import { processesNaming } from './support/leftovers.ts';
import { makeMemoryCgroup } from './support/memory-cgroup.ts';
import { parentOf } from './support/parent-of.ts';

let subject: BootSubject;
/** Folder of the subject's sockets. */
let socketDir: string;

beforeAll(async () => {
  subject = await BootSubject.make();
  const hash = createHash('sha256').update(subject.name).digest('hex').slice(0, 24);
  socketDir = join(subject.home.path, 'run/sandboxes', hash);
});

afterAll(() => subject[Symbol.asyncDispose]());

/** A QEMU that a shell prepares, in the environment of a start. */
async function preparedQemu(name: string, prepare: string): Promise<Readonly<Record<string, string>>> {
  const qemu = await findProgram(`qemu-system-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}`);
  const path = join(subject.home.path, name);
  await writeFile(path, `#!/bin/sh\n${prepare} ${qemu} "$@"\n`);
  await chmod(path, 0o755);
  return { MSB_QEMU_PATH: path, MSB_VMM: 'qemu' };
}

describe('a host without memory', () => {
  it('that cannot give the guest its memory is named, with the figure', async () => {
    await subject.expectFailedStart({
      env: await preparedQemu('qemu-small', 'ulimit -v 400000\nexec'),
      kind: 'outOfMemory',
      stage: 'build_vm',
      message: /too little memory left for a guest of 512 MiB: .*Cannot allocate memory/,
      hint: /free some memory on this machine.*--memory/,
    });
    await subject.expectSoundStart();
  });

  it('whose kernel kills the machine is told from somebody who does', async (context) => {
    const group = await makeMemoryCgroup(60 << 20);
    if (typeof group === 'string') return context.skip(group);
    try {
      await subject.expectFailedStart({
        env: await preparedQemu('qemu-limited', `echo $$ > ${group.processes}\nexec`),
        kind: 'outOfMemory',
        stage: 'build_vm',
        message: /ran out of memory with a guest of 512 MiB: the kernel killed the virtual machine/,
        hint: /free some memory on this machine.*--memory/,
      });
    } finally {
      await group.remove();
    }
    await subject.expectSoundStart();
  });
});

describe('sockets that cannot be made', () => {
  it('name the folder that is a file', async () => {
    const folder = dirname(socketDir);
    await rm(folder, { recursive: true });
    await writeFile(folder, '');
    await subject.expectFailedStart({
      kind: 'network',
      stage: 'network',
      message: /bind agent socket: ENOTDIR: .*\/run\/sandboxes\//,
      hint: /something else stands in the way: remove it/,
    });
    await rm(folder);
    await subject.expectSoundStart();
  });

  it('name what an earlier run cannot have left', async () => {
    const stranger = join(socketDir, 'agent.sock/stranger');
    await mkdir(stranger, { recursive: true });
    const started = await msb(['start', subject.name], { env: subject.home.env });
    expect(started.stderr).toMatch(/→ network: bind agent socket: .*directory.*agent\.sock/);
    expect(started.stderr).toContain(`${socketDir} is made anew`);
    expect(await subject.sdkError()).toMatchObject({ code: 'bootStart', kind: 'network' });
    expect(existsSync(stranger)).toBe(true);
    await rm(socketDir, { recursive: true });
    await subject.expectSoundStart();
  });

  it('name the folder that is not writable', async (context) => {
    const folder = dirname(socketDir);
    await mkdir(folder, { recursive: true });
    const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', folder]);
    if (mounted.code !== 0) return context.skip(`can't mount a tmpfs here: ${mounted.stderr.trim()}`);
    try {
      await subject.expectFailedStart({
        kind: 'network',
        stage: 'network',
        message: /bind agent socket: E(ROFS|NOENT): .*mkdir/,
        hint: /must be writable for your user/,
      });
    } finally {
      await mustRun('umount', [folder]);
    }
    await subject.expectSoundStart();
  });

  it('whose path is too long are refused before anything is made', async () => {
    const long = join(subject.home.path, 'x'.repeat(100));
    await mkdir(long);
    await subject.writeConfig(long);
    const env = { ...subject.home.env, MSB_HOME: long };
    const made = await msb(['create', '-q', '-n', 'far', subject.reference], { env });
    expect(made.code).toBe(1);
    expect(made.stderr).toMatch(
      /^error: invalid config: sandbox runtime socket path is too long: .* shorter/,
    );
    expect(made.stderr).toMatch(/^ {2}→ set MSB_HOME to a shorter directory$/m);
    expect((await msb(['ls', '-q'], { env })).stdout.toString()).toBe('');
    expect(await processesNaming(long)).toEqual([]);
  });
});

describe('a host without a guest kernel', () => {
  it('says where it looked and what to install', async () => {
    const missing = { MSB_LIBKRUNFW_PATH: join(subject.home.path, 'missing.so') };
    const started = await msb(['start', subject.name], { env: { ...subject.home.env, ...missing } });
    expect(started.code).toBe(1);
    expect(started.stderr).toMatch(/^error: libkrunfw not found: .*missing\.so$/m);
    expect(started.stderr).toMatch(/^ {2}→ .*install libkrunfw/m);
    expect(await subject.sdkError(missing)).toMatchObject({ code: 'libkrunfwNotFound' });
    await subject.expectSoundStart();
  });
});

describe('a machine without its sandbox process', () => {
  it('ends, though the signal for a parent’s end was taken from it', async (context) => {
    const setpriv = await findProgram('setpriv');
    if (!setpriv) return context.skip('no setpriv, which lets a program off that signal');
    const env = {
      ...subject.home.env,
      ...(await preparedQemu('qemu-let-off', `exec ${setpriv} --pdeathsig clear`)),
    };
    const started = await msb(['start', '-q', subject.name], { env });
    expect(started.code, started.stderr).toBe(0);
    process.kill(await parentOf(await subject.monitorPid()), 'SIGKILL');
    await expect
      .poll(() => processesNaming(`${subject.home.path}/sandboxes/${subject.name}/`), { timeout: 20_000 })
      .toEqual([]);
    await subject.expectSoundStart();
  });
});
