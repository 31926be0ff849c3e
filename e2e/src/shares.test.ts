import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk, msb } from './support/consumer.ts';
import { holdLease } from './support/lease.ts';

const { Sandbox } = await importSdk();

let made: BusyboxHome;
let folder: string;
let box: SandboxType;

const host = (...parts: string[]) => join(folder, ...parts);
const builder = (name: string) => Sandbox.builder(name).image(made.reference);

/** Output of a shell command in `sandbox`, which must succeed unless its failure is what is asked for. */
async function sh(command: string, sandbox = box): Promise<string> {
  const output = await sandbox.exec('sh', ['-c', command]);
  expect(output.stderr()).toBe('');
  return output.stdout();
}

async function failure(command: string, sandbox = box): Promise<string> {
  const output = await sandbox.exec('sh', ['-c', command]);
  expect(output.code).not.toBe(0);
  return output.stderr();
}

beforeAll(async () => {
  made = await startBusyboxHome();
  folder = await mkdtemp(join(tmpdir(), 'msb-shares-'));
  for (const name of ['data', 'frozen', 'small', 'root']) await mkdir(host(name));
  await writeFile(host('data', 'hello'), 'from the host\n');
  await writeFile(host('frozen', 'fact'), 'unchanged\n');
  await writeFile(host('one.conf'), 'a=1\n');
  await writeFile(host('two.conf'), 'b=1\n');
  box = await builder('box')
    .script('greet', '#!/bin/sh\necho hello $1')
    .volume('/data', (mount) => mount.bind(host('data')))
    .volume('/data/frozen', (mount) => mount.bind(host('frozen')).readonly())
    .volume('/small', (mount) => mount.bind(host('small')).quota(1))
    .volume('/etc/one.conf', (mount) => mount.bind(host('one.conf')))
    .volume('/etc/two.conf', (mount) => mount.bind(host('two.conf')).readonly())
    .create();
});

afterAll(async () => {
  await box.stop();
  await made[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('a shared folder', () => {
  it('shows changes of either side to the other', async () => {
    expect(await sh('cat /data/hello')).toBe('from the host\n');
    await sh('echo from the guest > /data/reply');
    expect(await readFile(host('data', 'reply'), 'utf8')).toBe('from the guest\n');
    await writeFile(host('data', 'hello'), 'and longer than it was before\n');
    expect(await sh('sleep 6; cat /data/hello')).toBe('and longer than it was before\n');
    await writeFile(host('data', 'new'), '');
    expect(await sh('ls /data')).toContain('new\n');
  });

  it('keeps owner, mode and type of the guest beside the files', async () => {
    await sh('cd /data && echo x > owned && chown 1234:5678 owned && chmod 4711 owned');
    await sh('cd /data && ln -s owned link && mkfifo pipe');
    expect(await sh('stat -c "%u %g %a" /data/owned; readlink /data/link; stat -c %F /data/pipe')).toBe(
      '1234 5678 4711\nowned\nfifo\n',
    );
    for (const name of ['owned', 'link', 'pipe']) {
      const entry = await stat(host('data', name));
      expect(entry.isFile()).toBe(true);
      expect(entry.mode & 0o7777).toBe(0o600);
      expect(entry.uid).toBe(process.getuid?.());
    }
  });

  it('takes a tree of small files and gives it back', async () => {
    const files = 5000;
    await sh(
      `mkdir /data/tree && cd /data/tree && i=0; while [ $i -lt ${files} ]; do echo "file $i" > f$i; i=$((i + 1)); done`,
    );
    expect(await readdir(host('data', 'tree'))).toHaveLength(files);
    expect(await readFile(host('data', 'tree', 'f4999'), 'utf8')).toBe('file 4999\n');
    expect((await sh('ls /data/tree | wc -l')).trim()).toBe(String(files));
    const [hash] = (await sh('cd /data/tree && find . -type f | sort | xargs cat | md5sum')).split(' ');
    const onRoot = `mkdir /tree && cd /tree && i=0; while [ $i -lt ${files} ]; do echo "file $i" > f$i; i=$((i + 1)); done; find . -type f | sort | xargs cat | md5sum`;
    expect((await sh(onRoot)).split(' ')[0]).toBe(hash);
    await sh('rm -r /data/tree');
    expect(await readdir(host('data'))).not.toContain('tree');
  });

  it('holds 100 000 files in one folder', async () => {
    const files = 100_000;
    await mkdir(host('data', 'crowd'), { recursive: true });
    await mustRun('sh', ['-c', `seq ${files} | xargs touch`], { cwd: host('data', 'crowd') });
    expect((await sh('find /data/crowd -type f | wc -l')).trim()).toBe(String(files));
    await sh('cd /data/crowd && seq 2000 | xargs rm && test ! -e 2000 && test -e 2001');
    expect(await readdir(host('data', 'crowd'))).toHaveLength(files - 2000);
    await rm(host('data', 'crowd'), { recursive: true });
  });

  it('refuses to grow beyond its quota, and only that one', async () => {
    expect(await failure('dd if=/dev/zero of=/small/big bs=64k count=32')).toContain(
      'No space left on device',
    );
    expect((await stat(host('small', 'big'))).size).toBeLessThanOrEqual(1024 * 1024);
    await sh('rm /small/big; sleep 1; dd if=/dev/zero of=/small/fits bs=64k count=8 2>/dev/null');
  });

  it('that is read-only does not change', async () => {
    expect(await sh('cat /data/frozen/fact')).toBe('unchanged\n');
    expect(await failure('echo x > /data/frozen/fact')).toContain('Read-only file system');
    expect(await failure('rm /data/frozen/fact')).toContain('Read-only file system');
    // Not by another mount either: the host refuses too.
    await failure('mount -o remount,rw /data/frozen && echo x > /data/frozen/fact');
    expect(await readFile(host('frozen', 'fact'), 'utf8')).toBe('unchanged\n');
  });
});

describe('a file of the host that hangs', () => {
  it('keeps those who ask for it waiting, and nobody else', async (context) => {
    await writeFile(host('data', 'hung'), 'late\n');
    const lease = await holdLease(host('data', 'hung'));
    if (typeof lease === 'string') return context.skip(lease);
    const waiting = await Promise.all([1, 2, 3].map(() => box.execStream('cat', ['/data/hung'])));
    const outputs = Promise.all(waiting.map((one) => one.collect()));
    let answered = false;
    const told = outputs.then(() => {
      answered = true;
    });
    try {
      for (let turn = 0; turn < 5; turn++) {
        expect(await sh(`echo ${turn} > /data/turn && cat /data/turn`)).toBe(`${turn}\n`);
      }
      expect(await sh('ls /data')).toContain('hung\n');
      expect(answered).toBe(false);
    } finally {
      await lease.release();
      await told;
    }
    for (const output of await outputs) expect(output.stdout()).toBe('late\n');
  });
});

describe('options of a share', () => {
  it('say what of owners, modes and types reaches the host', async () => {
    await mkdir(host('mirrored'));
    await mkdir(host('plain'));
    const { code, stdout, stderr } = await msb(
      [
        'run',
        ...['-v', `${host('mirrored')}:/m:host-perms=mirror`],
        ...['-v', `${host('plain')}:/p:stat-virt=off`],
        ...[made.reference, '--', 'sh', '-c'],
        `for d in m p; do echo x > /$d/file; ln -s file /$d/link; done
         chown 12:34 /m/file && chmod 4751 /m/file && stat -c '%a %u %g' /m/file
         ! chown 12:34 /p/file 2> /dev/null && chmod 4751 /p/file && stat -c %a /p/file
         mkfifo /m/pipe && test -p /m/pipe && ! mkfifo /p/pipe 2> /dev/null && cat /m/link /p/link`,
      ],
      { env: made.home.env },
    );
    expect({ code, stdout: stdout.toString(), stderr: stderr.toString() }).toMatchObject({
      code: 0,
      stdout: '4751 12 34\n751\nx\nx\n',
    });
    for (const name of ['mirrored', 'plain']) {
      const file = await stat(host(name, 'file'));
      expect({ mode: file.mode & 0o7777, uid: file.uid }).toEqual({ mode: 0o751, uid: process.getuid?.() });
    }
    expect((await lstat(host('mirrored', 'link'))).isFile()).toBe(true);
    expect((await lstat(host('plain', 'link'))).isSymbolicLink()).toBe(true);
    expect(await readdir(host('plain'))).toEqual(expect.not.arrayContaining(['pipe']));
  });
});

describe('a shared file', () => {
  it('is read and written in place', async () => {
    await sh('echo c=2 >> /etc/one.conf');
    expect(await readFile(host('one.conf'), 'utf8')).toBe('a=1\nc=2\n');
    expect(await failure('echo c=2 >> /etc/two.conf')).toContain('Read-only file system');
    expect(await sh('cat /etc/two.conf')).toBe('b=1\n');
    // What it took to put them there is gone.
    expect(await sh('ls /.msb')).not.toContain('file-mounts');
  });
});

it('scripts are commands of the guest', async () => {
  expect(await sh('greet you')).toBe('hello you\n');
});

describe('what is woken', () => {
  it('has its shares like what is booted', async () => {
    const before = process.env['MSB_WARM'];
    process.env['MSB_WARM'] = 'auto';
    try {
      await Sandbox.prewarm({ shares: 1 });
      const woken = await builder('woken')
        .volume('/w', (mount) => mount.bind(host('data')))
        .create();
      expect(await sh('cat /w/hello && echo woken > /w/woken', woken)).toContain('\n');
      expect(await readFile(host('data', 'woken'), 'utf8')).toBe('woken\n');
      await woken.stop();
    } finally {
      if (before === undefined) delete process.env['MSB_WARM'];
      else process.env['MSB_WARM'] = before;
    }
  });
});

describe('a folder as root', () => {
  beforeAll(async () => {
    for (const name of ['bin', 'etc', 'tmp']) await mkdir(host('root', name));
    for (const name of ['sh', 'cat', 'stat', 'readlink']) {
      await copyFile('/bin/busybox', host('root', 'bin', name));
      await chmod(host('root', 'bin', name), 0o755);
    }
    await writeFile(host('root', 'etc', 'who'), 'a folder\n');
  });

  it('is what the sandbox stands on, with its patches', async () => {
    await writeFile(host('root', 'etc', 'old'), '');
    const rooted = await Sandbox.builder('rooted')
      .image(host('root'))
      .patch((patch) =>
        patch
          .text('/etc/motd', 'hello\n', { mode: 0o640 })
          .append('/etc/who', 'and a patch\n')
          .symlink('/etc/motd', '/etc/link')
          .copyFile(host('two.conf'), '/srv/deep/two.conf')
          .mkdir('/srv/closed', { mode: 0o700 })
          .remove('/etc/old'),
      )
      .create();
    expect(await sh('cat /etc/who /etc/link /srv/deep/two.conf; echo written > /tmp/out', rooted)).toBe(
      'a folder\nand a patch\nhello\nb=1\n',
    );
    expect(
      await sh('stat -c "%a %u %n" /etc/motd /srv/closed; readlink /etc/link; test ! -e /etc/old', rooted),
    ).toBe('640 0 /etc/motd\n700 0 /srv/closed\n/etc/motd\n');
    expect(await readFile(host('root', 'tmp', 'out'), 'utf8')).toBe('written\n');
    expect(await readFile(host('root', 'etc', 'motd'), 'utf8')).toBe('hello\n');
    await rooted.stop();
    // They belong to the making, not to each start.
    await rm(host('root', 'etc', 'motd'));
    const again = await Sandbox.start('rooted');
    expect(await sh('test ! -e /etc/motd && cat /etc/who', again)).toBe('a folder\nand a patch\n');
    await again.stop();
    await Sandbox.remove('rooted');
  });

  it('is left alone by patches that lead out of it, and the sandbox is not made', async () => {
    await symlink(host('data'), host('root', 'way-out'));
    const made = Sandbox.builder('escaped')
      .image(host('root'))
      .patch((patch) => patch.text('/way-out/planted', 'x'));
    await expect(made.create()).rejects.toMatchObject({
      code: 'patchFailed',
      message: "patch failed: patch path parent is not a directory: '/way-out'",
    });
    expect(await readdir(host('data'))).not.toContain('planted');
    await expect(Sandbox.get('escaped')).rejects.toMatchObject({ code: 'sandboxNotFound' });
  });
});

it('a folder that is not there fails the start with its name', async () => {
  const gone = builder('gone').volume('/x', (mount) => mount.bind(host('nowhere')));
  await expect(gone.create()).rejects.toThrow(/nowhere: No such file or directory/);
  expect((await msb(['ls'], { env: made.home.env })).stdout).not.toContain('gone ');
});
