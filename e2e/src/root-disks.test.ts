import { copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, type IsolatedHome, mustRun } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk, msb } from './support/consumer.ts';

let made: BusyboxHome;
let home: IsolatedHome;
let reference: string;

beforeAll(async () => {
  made = await startBusyboxHome();
  ({ home, reference } = made);
});
afterAll(() => made[Symbol.asyncDispose]());

const run = (...args: string[]) => msb(args, { env: home.env });
const flatFiles = async (folder: string) => readdir(join(home.path, 'cache/flat', folder));

describe('a flat root disk', () => {
  it('boots, is one ext4 of the size asked for, and keeps what is written', async () => {
    const created = await run('create', '-q', '-n', 'flat', '--root-disk', 'flat:5G', reference);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const guest = await run(
      'exec',
      'flat',
      '--',
      'sh',
      '-c',
      'mount; df -m / | tail -1; echo kept > /root/f',
    );
    expect(guest.stdout.toString()).toMatch(/^\S+ on \/ type ext4 /m);
    expect(Number(guest.stdout.toString().trim().split('\n').at(-1)?.split(/\s+/)[1])).toBeGreaterThan(4500);
    const disk = await stat(join(home.path, 'sandboxes/flat/rootfs.raw'));
    expect([disk.size, disk.mode & 0o777]).toEqual([5 * 1024 ** 3, 0o600]);
    expect(disk.blocks * 512).toBeLessThan(256 * 1024 ** 2);
    await run('stop', 'flat');
    expect((await run('start', 'flat')).code).toBe(0);
    expect((await run('exec', 'flat', '--', 'cat', '/root/f')).stdout.toString()).toBe('kept\n');
    await run('stop', '-f', 'flat');
  });

  it('needs no merged disk, pins its image, and its image goes with the last reference', async () => {
    const cache = join(home.path, 'cache');
    expect(await readdir(join(cache, 'vmdk'))).toEqual([]);
    expect(await flatFiles('blobs')).toHaveLength(1);
    expect((await run('rmi', reference)).stderr).toContain('image in use by sandbox(es): ');
    await run('rm', '-f', 'flat');
    expect((await run('rmi', reference)).code).toBe(0);
    expect([await flatFiles('refs'), await flatFiles('blobs')]).toEqual([[], []]);
  });

  it('is refused with patches', async () => {
    const refused = await run('create', '--root-disk', 'flat', '--mkdir', '/x', reference);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('patches require a managed root disk');
  });
});

describe('disk images of the host', () => {
  it('may be named from where one stands, also when the sandbox starts again elsewhere', async () => {
    const folder = join(home.path, 'disks');
    await mkdir(join(folder, 'root/bin'), { recursive: true });
    await mkdir(join(folder, 'elsewhere'));
    await copyFile((await findProgram('busybox')) ?? '', join(folder, 'root/bin/sh'));
    const ext4 = (name: string, ...from: string[]) =>
      mustRun('mkfs.ext4', ['-q', '-F', ...from, join(folder, name), '32M']);
    await ext4('data.img');
    await ext4('upper.img');
    await ext4('root.raw', '-d', join(folder, 'root'));
    const here = (...args: string[]) => msb(args, { env: home.env, cwd: folder });

    const disks = ['--mount-disk', './data.img:/data', '--root-disk', './upper.img'];
    expect(await here('create', '-q', '-n', 'disks', ...disks, reference)).toMatchObject({
      code: 0,
      stderr: '',
    });
    await here('exec', 'disks', '--', 'sh', '-c', 'echo one > /data/f; echo two > /f');
    await here('stop', '-q', 'disks');
    const there = { env: home.env, cwd: join(folder, 'elsewhere') };
    expect(await msb(['start', '-q', 'disks'], there)).toMatchObject({ code: 0, stderr: '' });
    const kept = await here('exec', 'disks', '--', 'cat', '/data/f', '/f');
    expect(kept.stdout.toString()).toBe('one\ntwo\n');
    await here('rm', '-q', '-f', 'disks');

    const booted = await here('run', './root.raw', '--', '/bin/sh', '-c', 'echo booted');
    expect(booted).toMatchObject({ code: 0, stderr: '' });
    expect(booted.stdout.toString()).toBe('booted\n');
    const missing = await here('run', '--root-disk', './none.img', reference, '--', 'true');
    expect(missing.stderr).toContain(`root disk image not found: ${folder}/none.img`);
  });
});

describe('patches', () => {
  it('are what the guest sees, from the command line', async () => {
    const folder = join(home.path, 'given');
    await mkdir(join(folder, 'sub'), { recursive: true });
    await writeFile(join(folder, 'sub/a'), 'from the host\n', { mode: 0o640 });
    const options = ['--copy', `${folder}:/srv/dir`, '--copy-file', `${folder}/sub/a:/srv/file`];
    const changed = await run(
      ...['run', '-q', ...options, '--mkdir', '/made/here', '--rm', '/etc/group', reference, '--'],
      ...[
        'sh',
        '-c',
        'cat /srv/dir/sub/a /srv/file; stat -c %a /srv/file; ls -d /made/here; ls /etc/group; ls /etc/passwd',
      ],
    );
    expect(changed.stdout.toString()).toBe('from the host\nfrom the host\n640\n/made/here\n/etc/passwd\n');
  });

  it('are what the guest sees, from the SDK, and after a second start', async () => {
    const { Sandbox } = await importSdk();
    const sandbox = await Sandbox.builder('patched')
      .image(reference)
      .patch((p) =>
        p
          .text('/etc/motd', 'hello\n', { mode: 0o600 })
          .symlink('/etc/motd', '/root/link')
          .append('/etc/passwd', 'new:x:7:7::/:/bin/sh\n')
          .remove('/etc/group')
          .mkdir('/var/empty', { mode: 0o700 }),
      )
      .create();
    const look =
      'cat /root/link; readlink /root/link; stat -c "%a %n" /etc/motd /var/empty; tail -1 /etc/passwd; test ! -e /etc/group';
    const seen = 'hello\n/etc/motd\n600 /etc/motd\n700 /var/empty\nnew:x:7:7::/:/bin/sh\n';
    expect((await sandbox.shell(look)).stdout()).toBe(seen);
    await sandbox.shell('echo changed > /etc/motd');
    await sandbox.stop();
    const again = await Sandbox.start('patched');
    expect((await again.shell('cat /etc/motd')).stdout()).toBe('changed\n');
    await again.stop();
    await Sandbox.remove('patched');
  });

  it('that cannot be applied leave nothing behind', async () => {
    const refused = await run('create', '-q', '-n', 'none', '--mkdir', '/bin/sh/x', reference);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("error: patch failed: patch path parent is not a directory: '/bin/sh'");
    expect((await run('ls', '-q')).stdout.toString()).toBe('');
    expect(await readdir(join(home.path, 'sandboxes'))).toEqual([]);
  });
});
