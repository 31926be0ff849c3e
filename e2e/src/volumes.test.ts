import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk, msb } from './support/consumer.ts';

const { Sandbox, Volume } = await importSdk();

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
});
afterAll(() => made[Symbol.asyncDispose]());

const builder = (name: string) => Sandbox.builder(name).image(made.reference);

async function sh(sandbox: SandboxType, command: string): Promise<string> {
  const output = await sandbox.exec('sh', ['-c', command]);
  expect(output.stderr()).toBe('');
  return output.stdout();
}

describe('a named folder', () => {
  it('is the same for all who mount it, and for the host', async () => {
    const volume = await Volume.builder('shared').create();
    await volume.fs().write('seed', 'from the host\n');
    const one = await builder('one')
      .volume('/data', (mount) => mount.named('shared'))
      .create();
    const two = await builder('two')
      .volume('/data', (mount) => mount.named('shared').readonly())
      .create();
    expect(await sh(one, 'cat /data/seed; echo from one > /data/one')).toBe('from the host\n');
    expect(await sh(two, 'cat /data/one')).toBe('from one\n');
    expect((await two.exec('sh', ['-c', 'echo x > /data/two'])).stderr()).toContain('Read-only file system');
    expect(await volume.fs().readToString('one')).toBe('from one\n');
    await expect(Volume.remove('shared')).rejects.toThrow(
      'volume "shared" is attached to active sandbox "one"',
    );
    await one.stop();
    await two.stop();
    await Sandbox.remove('one');
    expect(await volume.fs().readToString('one')).toBe('from one\n');
    await Volume.remove('shared');
    expect(existsSync(volume.path)).toBe(false);
    await expect(Sandbox.start('two')).rejects.toMatchObject({ code: 'volumeNotFound' });
  });

  it('is made on demand, holds what its quota allows, and goes when the sandbox cannot be', async () => {
    const small = await builder('small')
      .volume('/cache', (mount) => mount.namedWith('small-cache', 'ensure-exists', 'dir', undefined, 1))
      .create();
    const full = await small.exec('sh', ['-c', 'dd if=/dev/zero of=/cache/big bs=64k count=64']);
    expect(full.stderr()).toContain('No space left on device');
    await small.stop();
    expect(await Volume.get('small-cache')).toMatchObject({ kind: 'dir', quotaMib: 1 });
    const wish = builder('other').volume('/cache', (mount) =>
      mount.namedWith('small-cache', 'ensure-exists', 'dir', undefined, 2),
    );
    await expect(wish.create()).rejects.toThrow(
      'named volume "small-cache" already exists with quota 1 MiB, but this sandbox requested 2 MiB',
    );
    const broken = Sandbox.builder('broken')
      .image('not/there:anywhere')
      .pullPolicy('never')
      .volume('/cache', (mount) => mount.namedWith('never-made', 'create'));
    await expect(broken.create()).rejects.toThrow();
    await expect(Volume.get('never-made')).rejects.toMatchObject({ code: 'volumeNotFound' });
    await expect(
      builder('none')
        .volume('/x', (mount) => mount.named('nowhere'))
        .create(),
    ).rejects.toThrow('volume not found: nowhere');
    await expect(Sandbox.get('none')).rejects.toMatchObject({ code: 'sandboxNotFound' });
  });
});

describe('a named disk', () => {
  it('has one writer, or many readers, and keeps what was written', async () => {
    await Volume.builder('db').disk().size(64).create();
    const writer = await builder('writer')
      .volume('/db', (mount) => mount.named('db'))
      .create();
    expect(await sh(writer, 'echo kept > /db/file && sync && grep " /db " /proc/mounts')).toContain('ext4');
    const second = builder('second').volume('/db', (mount) => mount.named('db').readonly());
    await expect(second.create()).rejects.toThrow(
      'volume "db" is already attached with an incompatible disk mode',
    );
    await writer.stop();
    const readers = [];
    for (const name of ['reader-1', 'reader-2']) {
      readers.push(
        await builder(name)
          .volume('/db', (mount) => mount.named('db').readonly())
          .create(),
      );
    }
    for (const reader of readers) expect(await sh(reader, 'cat /db/file')).toBe('kept\n');
    await expect(Volume.remove('db')).rejects.toThrow(
      'volume "db" is currently attached by a running sandbox',
    );
    for (const reader of readers) await reader.stop();
  });
});

it('msb mounts volumes by name, and disks', async () => {
  const env = made.home.env;
  const run = (...mount: string[]) =>
    msb(['run', ...mount, made.reference, '--', 'sh', '-c', 'echo 1 >> /v/log; wc -l < /v/log'], { env });
  for (const expected of ['1\n', '2\n']) {
    const { stdout, code, stderr } = await run('-v', 'logs:/v');
    expect({ stdout: stdout.toString(), code, stderr: stderr.toString() }).toMatchObject({
      stdout: expected,
      code: 0,
    });
  }
  expect(await readFile(join(made.home.path, 'volumes/logs/log'), 'utf8')).toBe('1\n1\n');
  for (const expected of ['1\n', '2\n']) {
    expect((await run('--mount-named', 'disk:/v:kind=disk,size=32M')).stdout.toString()).toBe(expected);
  }
  const disk = join(made.home.path, 'volumes/disk/disk.raw');
  expect((await run('--mount-disk', `${disk}:/v:format=raw,fstype=ext4`)).stdout.toString()).toBe('3\n');
  // The same disk in a format that grows.
  const grown = join(made.home.path, 'grown.qcow2');
  await mustRun('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', disk, grown]);
  for (const expected of ['4\n', '5\n']) {
    expect((await run('--mount-disk', `${grown}:/v:fstype=ext4`)).stdout.toString()).toBe(expected);
  }
  await mustRun('qemu-img', ['check', grown]);
  expect((await run('--mount-disk', `${disk}:/v:format=raw,fstype=ext4`)).stdout.toString()).toBe('4\n');
  expect((await msb(['volumes', '-q'], { env })).stdout.toString().split('\n')).toContain('logs');
});

describe('msb volume', () => {
  const volume = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await msb(['volume', ...args], { env: made.home.env });
    return { code, stdout: stdout.toString(), stderr: stderr.toString() };
  };

  it('makes a disk of a size with labels, and shows both', async () => {
    const labels = ['--label', 'team=infra', '--label', 'keep'];
    expect(await volume('create', 'sized', '--kind', 'disk', '--size', '48M', ...labels)).toMatchObject({
      code: 0,
      stdout: 'sized\n',
    });
    const shown = (await volume('inspect', 'sized')).stdout;
    expect(shown).toMatch(/^Capacity: +48 MiB$/m);
    expect(shown).toMatch(/^Labels: +(keep=, team=infra|team=infra, keep=)$/m);
    const listed = JSON.parse((await volume('ls', '--format', 'json')).stdout);
    expect(listed).toContainEqual(
      expect.objectContaining({ name: 'sized', kind: 'disk', capacity_bytes: 48 << 20, disk_fstype: 'ext4' }),
    );
    const sectors = 'cat /sys/class/block/$(awk \'$2 == "/v" {print $1}\' /proc/mounts | cut -d/ -f3)/size';
    const run = (...mount: readonly string[]) =>
      msb(['run', ...mount, made.reference, '--', 'sh', '-c', sectors], { env: made.home.env });
    const refused = await run('-v', 'sized:/v');
    const [, way = ''] = /with --mount-named (\S+),/.exec(refused.stderr.toString()) ?? [];
    expect(way).toBe('sized:/path:kind=disk,size=48M');
    const seen = await run('--mount-named', way.replace('/path', '/v'));
    expect({ code: seen.code, size: Number(seen.stdout.toString()) * 512 }).toEqual({
      code: 0,
      size: 48 << 20,
    });
  });

  it('makes a folder with a quota that holds', async () => {
    expect(await volume('create', 'limited', '--quota', '1M', '-q')).toMatchObject({ code: 0, stdout: '' });
    expect((await volume('inspect', 'limited')).stdout).toMatch(/^Quota: +1 MiB$/m);
    const { code, stderr } = await msb(
      [
        'run',
        '-v',
        'limited:/v',
        made.reference,
        '--',
        'dd',
        'if=/dev/zero',
        'of=/v/f',
        'bs=64k',
        'count=64',
      ],
      { env: made.home.env },
    );
    expect(code).not.toBe(0);
    expect(stderr.toString()).toContain('No space left on device');
  });

  it('refuses what cannot be, and removes nothing that is in use', async () => {
    for (const name of ['held', 'idle']) expect(await volume('create', name)).toMatchObject({ code: 0 });
    for (const [args, message] of [
      [['create', 'held'], 'volume already exists: held'],
      [['create', 'x', '--size', '1G'], '--size is only supported with --kind disk'],
      [['create', 'x', '--kind', 'disk'], '--size is required with --kind disk'],
      [['create'], 'volume create requires a name'],
      [['inspect', 'x'], 'volume not found: x'],
    ] as const) {
      const { code, stderr } = await volume(...args);
      expect({ args, code, stderr }).toEqual({ args, code: 1, stderr: expect.stringContaining(message) });
    }
    const holder = await builder('holder')
      .volume('/v', (mount) => mount.named('held'))
      .create();
    expect(await volume('rm', 'held', 'idle')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('volume "held" is attached to active sandbox "holder"'),
    });
    // The other one went.
    expect((await volume('ls', '-q')).stdout.split('\n')).not.toContain('idle');
    expect(await sh(holder, 'echo still > /v/here && cat /v/here')).toBe('still\n');
    await holder.stop();
    expect(await volume('rm', 'held')).toMatchObject({ code: 0 });
  });
});
