import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findProgram, type IsolatedHome, mustRun, runCommand } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootSubject, expectBootErrorBlock, packedLibkrunfw } from './support/boot-subject.ts';
import { consumer, msb } from './support/consumer.ts';
import { isOpenToOthers, onlyFile, overwrite, scriptInitramfs, whileDamaged } from './support/damage.ts';
import { parentOf } from './support/parent-of.ts';

/** Time an agent gets where none will ever answer. */
const SHORT = { MSB_BOOT_TIMEOUT_MS: '5000' };

let subject: BootSubject;
let home: IsolatedHome;
let name: string;
let reference: string;

beforeAll(async () => {
  subject = await BootSubject.make();
  ({ home, name, reference } = subject);
});

afterAll(() => subject[Symbol.asyncDispose]());

const cached = (folder: string, ending: string) => onlyFile(join(home.path, 'cache', folder), ending);

describe('a damaged guest', () => {
  it('kernel cut in half is no kernel', async () => {
    const half = join(home.path, 'half.so');
    await cp(await packedLibkrunfw(), half);
    await truncate(half, 9_000_000);
    const env = { ...home.env, MSB_LIBKRUNFW_PATH: half };
    const result = await msb(['start', name], { env });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(/^error: no guest kernel in .*half\.so: .*\n {2}→ use a libkrunfw/m);
    expect(await subject.sdkError({ MSB_LIBKRUNFW_PATH: half })).toMatchObject({ code: 'kernelNotFound' });
    await subject.expectSoundStart();
  });

  it('kernel with a hole ends without a word', async () => {
    const holed = join(home.path, 'holed.so');
    await cp(await packedLibkrunfw(), holed);
    await overwrite(holed, 10_000_000, 4_000_000);
    await subject.expectFailedStart({
      env: { MSB_LIBKRUNFW_PATH: holed },
      kind: 'kernelBroken',
      stage: 'other',
      message: /the guest ended without a word: its kernel/,
      hint: /cache\/kernel/,
    });
    await rm(join(home.path, 'cache/kernel'), { recursive: true });
    await subject.expectSoundStart();
  });

  it('kernel cut short in the cache does not load, and is made anew', async () => {
    await truncate(await cached('kernel', '.elf'), 100_000);
    await subject.expectFailedStart({
      kind: 'kernelBroken',
      stage: 'build_vm',
      message: /loading elf kernel/i,
      hint: /remove the folder cache\/kernel/,
    });
    await rm(join(home.path, 'cache/kernel'), { recursive: true });
    await subject.expectSoundStart();
  });

  it('initramfs makes the kernel panic, and is made anew', async () => {
    await truncate(await cached('initramfs', '.cpio'), 300_000);
    await subject.expectFailedStart({
      kind: 'kernelPanic',
      stage: 'other',
      message: /guest kernel panic: the initramfs with the agent is damaged/,
      hint: /remove the folder cache\/initramfs/,
      console: /Kernel panic - not syncing/,
    });
    await rm(join(home.path, 'cache/initramfs'), { recursive: true });
    await subject.expectSoundStart();
  });

  it('init that ends takes the guest along without a word', async () => {
    const path = await cached('initramfs', '.cpio');
    await whileDamaged(
      path,
      () => scriptInitramfs(path, 'exit 7'),
      () =>
        subject.expectFailedStart({
          kind: 'kernelBroken',
          stage: 'other',
          message: /the guest ended without a word: its kernel or its agent is damaged/,
          hint: /cache\/kernel and cache\/initramfs/,
        }),
    );
    await subject.expectSoundStart();
  });

  it('agent that never answers is given up in time', async () => {
    const path = await cached('initramfs', '.cpio');
    await whileDamaged(
      path,
      () => scriptInitramfs(path, 'while :; do /bin/busybox sleep 1000; done'),
      () =>
        subject.expectFailedStart({
          env: SHORT,
          kind: 'agentSilent',
          stage: 'other',
          message: /the guest agent did not answer within 5 s/,
          hint: /MSB_BOOT_TIMEOUT_MS/,
        }),
    );
    await subject.expectSoundStart();
  });
});

describe('a damaged disk', () => {
  it('of the sandbox is named, with the way to repair it', async () => {
    const upper = join(home.path, 'sandboxes', name, 'upper.ext4');
    await whileDamaged(
      upper,
      (path) => overwrite(path, 1024, 1024),
      () =>
        subject.expectFailedStart({
          kind: 'diskBroken',
          stage: 'mount',
          message: /mount of the sandbox's own disk failed, it is damaged: .*os error/,
          hint: /e2fsck -f .*\/subject\/upper\.ext4/,
          console: /EXT4-fs/,
        }),
    );
    await subject.expectSoundStart();
  });

  it('of the image is named, and pulled again', async () => {
    await overwrite(await cached('fsmeta', '.erofs'), 1024, 1024);
    await subject.expectFailedStart({
      kind: 'imageBroken',
      stage: 'mount',
      message: /mount of the image failed/,
      hint: /msb pull --force/,
      console: /erofs/,
    });
    expect((await msb(['pull', '-q', '--force', reference], { env: home.env })).code).toBe(0);
    await subject.expectSoundStart();
  });

  it('layer that is gone is named, and pulled again', async () => {
    await rm(await cached('layers', '.erofs'));
    await subject.expectFailedStart({
      kind: 'imageBroken',
      stage: 'image',
      message: /Could not open '.*\.erofs': No such file/,
      hint: /msb pull --force/,
    });
    expect((await msb(['pull', '-q', '--force', reference], { env: home.env })).code).toBe(0);
    await subject.expectSoundStart();
  });

  it('description that is damaged is named, and pulled again', async () => {
    await writeFile(await cached('vmdk', '.vmdk'), 'garbage\n');
    await subject.expectFailedStart({
      kind: 'imageBroken',
      stage: 'image',
      message: /invalid VMDK/,
      hint: /msb pull --force/,
    });
    expect((await msb(['pull', '-q', '--force', reference], { env: home.env })).code).toBe(0);
    await subject.expectSoundStart();
  });

  it('without room is told from a damaged one', async (context) => {
    const full = join(home.path, 'full');
    const small = join(home.path, 'small');
    for (const folder of [full, small]) await mkdir(folder);
    const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', full]);
    if (mounted.code !== 0) context.skip(`can't mount a tmpfs here: ${mounted.stderr.trim()}`);
    try {
      await subject.writeConfig(small, { sandboxes: full, cache: join(home.path, 'cache') });
      const env = { ...home.env, MSB_HOME: small, MSB_BOOT_TIMEOUT_MS: '20000' };
      expect((await msb(['create', '-q', '-n', 'big', reference], { env })).code).toBe(0);
      expect((await msb(['stop', '-q', 'big'], { env })).code).toBe(0);
      const filling = join(full, 'filling');
      await runCommand('dd', ['if=/dev/zero', `of=${filling}`, 'bs=4k']);
      const hint = /free some space/;
      const message = /no space left on the disk that holds .*\/big/;
      expectBootErrorBlock(await msb(['start', 'big'], { env }), { stage: 'other', message, hint }, 'big');
      await rm(filling);
      expect((await msb(['start', '-q', 'big'], { env })).code).toBe(0);
      expect((await msb(['rm', '-q', '-f', 'big'], { env })).code).toBe(0);
    } finally {
      await mustRun('umount', [full]);
    }
  });
});

describe('too little of this machine', () => {
  it('memory for the guest is said to be too little', async () => {
    const result = await msb(['create', '-m', '24M', '-n', 'tiny', reference], { env: home.env });
    const message = /24 MiB of memory are too little/;
    expectBootErrorBlock(result, { stage: 'other', message, hint: /--memory.* at least 64M/ }, 'tiny');
    expect((await msb(['rm', '-q', 'tiny'], { env: home.env })).code).toBe(0);
  });

  it('QEMU is missed, with the way to install it', async () => {
    const bin = join(home.path, 'bin');
    await mkdir(bin);
    await symlink(process.execPath, join(bin, 'node'));
    await symlink((await findProgram('env')) as string, join(bin, 'env'));
    await subject.expectFailedStart({
      env: { PATH: bin, MSB_VMM: 'qemu' },
      kind: 'vmmMissing',
      stage: 'other',
      message: /qemu-system-\S+ was not found on PATH/,
      hint: /install QEMU/,
    });
    await subject.expectSoundStart();
  });

  it('hardware acceleration that cannot be had is named, with the reason', async (context) => {
    const cpuinfo = await readFile('/proc/cpuinfo', 'utf8');
    if (existsSync('/dev/kvm') && /\b(vmx|svm)\b/.test(cpuinfo)) context.skip('this machine has it');
    await subject.expectFailedStart({
      env: { MSB_ACCEL: 'kvm' },
      kind: 'noVirtualisation',
      stage: 'other',
      message: /MSB_ACCEL: kvm cannot be had here: no (vmx\/svm|\/dev\/kvm)/,
      hint: /tcg/,
    });
    await subject.expectSoundStart();
  });

  it('permission for hardware acceleration is missed, with the group to join', async (context) => {
    const setpriv = await findProgram('setpriv');
    if (!setpriv || process.getuid?.() !== 0) context.skip('needs root and setpriv, to be somebody else');
    if (!existsSync('/dev/kvm') || (await isOpenToOthers('/dev/kvm')))
      context.skip('no closed /dev/kvm here');
    const theirs = `${home.path}-theirs`;
    // By another process: one that opens and closes a database file by itself drops the locks of its connections.
    await mustRun('cp', ['-a', home.path, theirs]);
    try {
      await mustRun('chown', ['-R', '65534:65534', theirs]);
      const env = { ...home.env, MSB_HOME: theirs, HOME: theirs, MSB_ACCEL: 'kvm' };
      const somebody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
      const program = join(consumer, 'node_modules/.bin/msb');
      const result = await runCommand(setpriv as string, [...somebody, program, 'start', name], { env });
      const message = /no permission to open \/dev\/kvm/;
      expectBootErrorBlock(result, { stage: 'other', message, hint: /group.*kvm/ }, name);
    } finally {
      await rm(theirs, { recursive: true, force: true });
    }
  });
});

describe('a process that dies', () => {
  it('as machine monitor is said to be killed', async () => {
    await subject.expectFailedStart({
      kind: 'killed',
      stage: 'other',
      message: /the virtual machine was killed while booting \(SIGKILL\)/,
      hint: /out of memory/,
      meanwhile: async () => void process.kill(await subject.monitorPid(), 'SIGKILL'),
    });
    await subject.expectSoundStart();
  });

  it('as sandbox process is said to be killed, and takes its machine along', async () => {
    await subject.expectFailedStart({
      kind: 'killed',
      stage: 'other',
      message: /sandbox process exited \(signal: SIGKILL\) before agent relay became available/,
      hint: /out of memory/,
      meanwhile: async () => void process.kill(await parentOf(await subject.monitorPid()), 'SIGKILL'),
    });
    await subject.expectSoundStart();
  });

  it('at its start is reported with its last words', async () => {
    const runtime = createRequire(join(consumer, 'package.json')).resolve(
      '@microsandbox/runtime/package.json',
    );
    const program = join(dirname(runtime), 'dist/sandbox-process.cjs');
    await whileDamaged(
      program,
      (path) => writeFile(path, "require('./no-such-part.cjs');\n"),
      () =>
        subject.expectFailedStart({
          kind: 'processDied',
          stage: 'other',
          message:
            /exited \(exit status: 1\) before agent relay .*: Error: Cannot find module '\.\/no-such-part/,
          hint: /install it again/,
          console: /no-such-part/,
        }),
    );
    await subject.expectSoundStart();
  });
});

describe('a damaged template', () => {
  const warm = { MSB_WARM: 'auto', MSB_BOOT_TIMEOUT_MS: '60000' };

  /** Makes a template by starting, and gives its folder. */
  async function template(): Promise<string> {
    expect((await msb(['start', '-q', name], { env: { ...home.env, ...warm } })).code).toBe(0);
    expect((await msb(['stop', '-q', name], { env: home.env })).code).toBe(0);
    const store = join(home.path, 'cache/warm');
    const finished = async () =>
      (await readdir(store).catch(() => [])).filter((key) => existsSync(join(store, key, 'meta.json')));
    await expect.poll(finished, { timeout: 90_000, interval: 500 }).toHaveLength(1);
    return join(store, (await finished())[0] as string);
  }

  /** One start on what is left of the template: it works, and the guest was booted. */
  async function expectBootedInstead(): Promise<string> {
    const env = { ...home.env, ...warm, MSB_BOOT_TIMEOUT_MS: '15000' };
    const started = await msb(['start', name], { env });
    expect(started.code, started.stderr).toBe(0);
    const { stdout } = await msb(['exec', name, '--', 'echo', 'sound'], { env });
    expect(stdout.toString()).toBe('sound\n');
    expect((await msb(['stop', '-q', name], { env })).code).toBe(0);
    expect(existsSync(subject.log('boot-error.json'))).toBe(false);
    return readFile(subject.log('runtime.log'), 'utf8');
  }

  it('whose guest does not answer is replaced by a boot in the same call', async () => {
    const memory = join(await template(), 'memory');
    const stamp = join(home.path, 'stamp');
    await mustRun('touch', ['-r', memory, stamp]);
    await overwrite(memory, 16 << 20, 96 << 20);
    // As it was to the nanosecond: the store takes the file for the one that it knows.
    await mustRun('touch', ['-r', stamp, memory]);
    const log = await expectBootedInstead();
    expect(log).toMatch(
      /woke[\s\S]*the guest that woke did not answer; booting another[\s\S]*booting \(template removed/,
    );
  });

  it('that was touched is not used at all', async () => {
    await overwrite(join(await template(), 'memory'), 16 << 20, 4096);
    const log = await expectBootedInstead();
    expect(log.split('\n').findLast((line) => line.includes('qemu'))).toContain('booting (no template yet)');
  });
});
