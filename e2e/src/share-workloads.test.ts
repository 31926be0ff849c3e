import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalRegistry, mustRun, pushImage, startLocalRegistry } from '@microsandbox/test-utils';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importSdk } from './support/consumer.ts';
import { debianWithTools } from './support/debian.ts';
import { allowPlainHttp } from './support/host-config.ts';
import { initTestHome } from './support/test-home.ts';

const { Sandbox } = await importSdk();

/** Small files of the large tree; the whole trial takes 20 000. */
const FILES = Number(process.env['MSB_TORTURE_FILES'] ?? 1000);

/** What a shell has no words for: memory that is a file, attributes, and being told of changes. */
const BEYOND_SHELL = `
import ctypes, mmap, os
name = '/work/mapped'
with open(name, 'w+b') as file:
    file.truncate(8192)
    with mmap.mmap(file.fileno(), 8192) as memory:
        memory[4096:4101] = b'hello'
        memory.flush()
os.setxattr(name, 'user.note', b'a value')
assert os.getxattr(name, 'user.note') == b'a value'
os.chmod(name, 0o640)
assert os.listxattr(name) == ['user.note'], os.listxattr(name)
try:
    os.setxattr(name, 'user.msb.override_stat', b'x')
    raise SystemExit('the ownership overlay can be written')
except OSError:
    pass
os.removexattr(name, 'user.note')
assert os.listxattr(name) == []
libc = ctypes.CDLL(None)
watch = libc.inotify_init()
IN_CREATE = 0x100
assert libc.inotify_add_watch(watch, b'/work', IN_CREATE) > 0
open('/work/seen', 'w').close()
assert b'seen' in os.read(watch, 4096)
`;

let home: Awaited<ReturnType<typeof initTestHome>>;
let registry: LocalRegistry;
let reference: string;
let folder: string;
let box: SandboxType;

const host = (...parts: string[]) => join(folder, ...parts);

async function sh(command: string, sandbox = box): Promise<string> {
  const output = await sandbox.exec('bash', ['-ec', command]);
  expect({ code: output.code, stderr: output.stderr() }).toMatchObject({ code: 0 });
  return output.stdout();
}

const create = (name: string) =>
  Sandbox.builder(name)
    .image(reference)
    .volume('/work', (mount) => mount.bind(host('work')))
    .volume('/repo', (mount) => mount.bind(host('repo')).readonly())
    .create();

beforeAll(async () => {
  home = await initTestHome();
  registry = await startLocalRegistry();
  await allowPlainHttp(home.path, registry.host);
  const image = await debianWithTools();
  reference = await pushImage({ registry, repository: 'debian', tag: 'workloads', image });
  folder = await mkdtemp(join(tmpdir(), 'msb-workloads-'));
  await mkdir(host('work'));
  const git = (...args: string[]) =>
    mustRun('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: folder });
  await git('init', '-q', '--bare', 'repo');
  await git('clone', '-q', 'repo', 'seed');
  await mustRun(
    'sh',
    [
      '-c',
      'i=0; while [ $i -lt 200 ]; do mkdir -p d$((i % 10)); echo "file $i" > d$((i % 10))/f$i; i=$((i + 1)); done',
    ],
    { cwd: host('seed') },
  );
  await git('-C', 'seed', 'add', '.');
  await git('-C', 'seed', 'commit', '-qm', 'many files');
  await git('-C', 'seed', 'push', '-q', 'origin', 'HEAD');
  box = await create('box');
}, 600_000);

afterAll(async () => {
  await box?.stop();
  await registry?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('on a shared folder', () => {
  it('git clones, commits and finds nothing wrong', async () => {
    await sh(
      `git config --global safe.directory '*' && git config --global user.email t@t && git config --global user.name t
       git clone -q /repo /work/clone && cd /work/clone && git fsck --strict 2>/dev/null
       test -z "$(git status --porcelain)"
       echo changed > d0/f0 && git commit -qam change && git gc -q && git fsck 2>/dev/null`,
    );
    const log = await mustRun('git', [
      '-c',
      'safe.directory=*',
      '-C',
      host('work', 'clone'),
      'log',
      '--format=%s',
    ]);
    expect(log.stdout.toString()).toBe('change\nmany files\n');
    expect(await readFile(host('work', 'clone', 'd0', 'f0'), 'utf8')).toBe('changed\n');
  });

  it(`a tree of ${FILES} files is made, listed, hashed and removed`, async () => {
    await sh(
      `mkdir /work/tree && cd /work/tree && for d in $(seq 0 99); do mkdir $d; for f in $(seq 1 ${Math.ceil(FILES / 100)}); do echo "$d/$f" > $d/$f; done; done`,
    );
    const count = 100 * Math.ceil(FILES / 100);
    expect((await sh('cd /work/tree && find . -type f | wc -l')).trim()).toBe(String(count));
    const seen = await sh('cd /work/tree && find . -type f | LC_ALL=C sort | xargs cat | sha256sum');
    const there = await mustRun('bash', ['-c', 'find . -type f | LC_ALL=C sort | xargs cat | sha256sum'], {
      cwd: host('work', 'tree'),
    });
    expect(there.stdout.toString()).toBe(seen);
    await sh('rm -r /work/tree');
    expect(await readdir(host('work'))).not.toContain('tree');
  });

  it('files behave as on a disk', async () => {
    await sh(
      `cd /work && echo one > a && ln a b && echo two >> b && test "$(cat a | tr '\\n' ' ')" = "one two "
       test "$(stat -c %h a)" = 2 && echo new > c && mv c a && test "$(cat a)" = new && test "$(stat -c %h b)" = 1
       truncate -s 1G sparse && echo end >> sparse && test "$(du -k sparse | cut -f1)" -lt 1024
       (for i in 1 2 3 4; do (for j in $(seq 100); do echo "$i $j" >> appended; done) & done; wait)
       test "$(wc -l < appended)" = 400`,
    );
    await sh(
      `cd /work && exec 9> lock && flock -n 9
       if flock -n lock true; then exit 1; fi
       flock -u 9 && flock -n lock true`,
    );
    expect(
      await sh('cd /work && echo x > attr && chmod 640 attr && chown 12:34 attr && stat -c "%a %u %g" attr'),
    ).toBe('640 12 34\n');
  });

  it('files can be mapped, carry attributes, and tell of changes', async () => {
    const output = await box.exec('python3', ['-c', BEYOND_SHELL]);
    expect({ code: output.code, stderr: output.stderr() }).toEqual({ code: 0, stderr: '' });
    const bytes = await readFile(host('work', 'mapped'));
    expect(bytes.subarray(4096, 4101).toString()).toBe('hello');
    expect(bytes).toHaveLength(8192);
  });

  it('SQLite in WAL mode keeps what it promised when the machine is killed', async () => {
    await sh(
      `sqlite3 /work/db 'pragma journal_mode=wal; pragma synchronous=full; create table t (id integer primary key)'`,
    );
    const writer = await box.execStream('bash', [
      '-c',
      'for i in $(seq 1 100000); do sqlite3 /work/db "insert into t values ($i)" && echo $i; done',
    ]);
    let promised = 0;
    for await (const event of writer) {
      if (event.kind !== 'stdout') continue;
      promised = Number(Buffer.from(event.data).toString().trim().split('\n').at(-1));
      if (promised >= 20) break;
    }
    await (await Sandbox.get('box')).kill();
    box = await Sandbox.start('box');
    expect((await sh(`sqlite3 /work/db 'pragma integrity_check'`)).trim()).toBe('ok');
    expect(Number(await sh(`sqlite3 /work/db 'select max(id) from t'`))).toBeGreaterThanOrEqual(promised);
  });
});
