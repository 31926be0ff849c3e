import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IsolatedHome, mustRun, runCommand } from '@microsandbox/test-utils';
import type { SandboxFsOps, Sandbox as SandboxType } from 'microsandbox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, importSdk, msb } from './support/consumer.ts';
import { measurePeakMemory, peakMib } from './support/peak-memory.ts';
import { sandboxProcess } from './support/sandbox-process.ts';

/** `npm run torture` asks for 1024. */
const LARGE_MIB = Number(process.env['MSB_TORTURE_STREAM_MIB'] ?? 128);
/** What buffers and garbage of a long copy may add to those of a short one, MiB; no part of it grows with the file. */
const MOST_GROWTH_MIB = 96;
const SMALL_MIB = 16;
const LARGE_PATIENCE_MS = 900_000;

const { Sandbox } = await importSdk();
const command = join(consumer, 'node_modules/.bin/msb');

let made: BusyboxHome;
let home: IsolatedHome;
let box: SandboxType;
let other: SandboxType;
let fs: SandboxFsOps;
let folder: string;

beforeAll(async () => {
  made = await startBusyboxHome();
  home = made.home;
  const builder = (name: string) => Sandbox.builder(name).image(made.reference);
  box = await builder('box').create();
  other = await builder('other').create();
  fs = box.fs();
  await fs.mkdir('/t');
});

afterAll(async () => {
  await box?.kill();
  await other?.kill();
  await made[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-copy-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const cp = (...args: string[]) => msb(['cp', ...args], { env: home.env });
const NOT_FOUND = 'No such file or directory (os error 2)';

/** Writes a file of random blocks, no two of them alike. */
async function makeLargeFile(path: string, mebibytes: number): Promise<void> {
  await using file = await open(path, 'wx');
  const block = randomBytes(1 << 20);
  for (let index = 0; index < mebibytes; index++) {
    block.writeUInt32LE(index);
    await file.write(block);
  }
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** A tree with modes, links and names that need care. */
async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, 'bin/inner'), { recursive: true });
  await writeFile(join(root, 'bin/tool'), 'x');
  await chmod(join(root, 'bin/tool'), 0o4751);
  await writeFile(join(root, 'a name\nwith "ünïcode"'), randomBytes(3 << 20));
  await writeFile(join(root, 'empty'), '');
  await symlink('tool', join(root, 'bin/alias'));
  await symlink('../bin/tool', join(root, 'bin/other'));
  await symlink('nowhere', join(root, 'dangling'));
  await chmod(join(root, 'bin/inner'), 0o1755);
}

async function describeTree(root: string): Promise<string[]> {
  const lines: string[] = [];
  for (const name of ['', ...(await readdir(root, { recursive: true })).sort()]) {
    const stats = await lstat(join(root, name));
    const content = stats.isFile()
      ? sha256(await readFile(join(root, name)))
      : stats.isSymbolicLink()
        ? await readlink(join(root, name))
        : '';
    lines.push(`${name} ${stats.mode.toString(8)} ${content}`);
  }
  return lines;
}

describe('msb cp', () => {
  const silent = { code: 0, signal: null, stdout: Buffer.alloc(0), stderr: '' };

  it('copies a tree into a sandbox, to another one and back', async () => {
    const from = join(folder, 'from');
    await makeTree(from);
    expect(await cp(from, 'box:/t/tree')).toEqual(silent);
    const shown = await box.shell('cd /t/tree; stat -c "%a %F %N" bin/tool bin/alias bin/inner');
    expect(shown.stdout()).toBe(
      "4751 regular file bin/tool\n777 symbolic link 'bin/alias' -> 'tool'\n1755 directory bin/inner\n",
    );
    expect(await cp('box:/t/tree', 'other:/copied')).toEqual(silent);
    expect(await cp('other:/copied', 'other:/again')).toEqual(silent);
    expect(await cp('other:/again', join(folder, 'to'))).toEqual(silent);
    expect(await describeTree(join(folder, 'to'))).toEqual(await describeTree(from));
  });

  it('puts things into folders that exist', async () => {
    await writeFile(join(folder, 'f'), 'x');
    expect(await cp(join(folder, 'f'), 'box:/t')).toEqual(silent);
    expect(await cp('box:/t/f', `${folder}/g`)).toEqual(silent);
    expect(await cp('box:/t/f', folder)).toEqual(silent);
    expect((await readdir(folder)).sort()).toEqual(['f', 'g']);
    const missing = await cp(join(folder, 'f'), 'box:/none/');
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining(`open: ${NOT_FOUND}`)]);
  });

  it('writes and reads archives', async () => {
    await makeTree(join(folder, 'from'));
    const { stdout: packed } = await mustRun('tar', ['-c', '-C', join(folder, 'from'), '.']);
    expect(await msb(['cp', '-', 'box:/t/untarred'], { env: home.env, input: packed })).toEqual(silent);
    const archive = await cp('box:/t/untarred', '-');
    expect(archive.stderr).toBe('');
    await mustRun('tar', ['-xp', '-C', folder], { input: archive.stdout });
    const [, ...copied] = await describeTree(join(folder, 'untarred'));
    const [, ...expected] = await describeTree(join(folder, 'from'));
    expect(copied).toEqual(expected);
  });

  it('unpacks hard links, and folders that an archive leaves out, and nothing elsewhere', async () => {
    await mkdir(join(folder, 'd'));
    await writeFile(join(folder, 'd/a'), 'same');
    await mustRun('ln', [join(folder, 'd/a'), join(folder, 'd/b')]);
    const linked = await mustRun('tar', ['-c', '-C', folder, 'd/a', 'd/b']);
    expect(await msb(['cp', '-', 'box:/t/hard'], { env: home.env, input: linked.stdout })).toEqual(silent);
    expect(await fs.readToString('/t/hard/d/b')).toBe('same');

    await symlink('/t', join(folder, 'l'));
    const hostile = await mustRun('tar', ['-c', '-C', folder, '--transform', 's,^d/a$,l/evil,', 'l', 'd/a']);
    const refused = await msb(['cp', '-', 'box:/t/out'], { env: home.env, input: hostile.stdout });
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('refusing to go through /t/out/l'),
    ]);
    expect(await fs.exists('/t/evil')).toBe(false);
  });

  it('keeps names and targets that are no text', async () => {
    const script =
      'n=$(printf "\\377"); mkdir -p "/b/d$n" && cd /b && echo x > "d$n/f$n" && ln -s "d$n" "l$n"';
    expect((await box.shell(script)).code).toBe(0);
    const listing =
      'cd "$0" && find . | sort | xargs -n 1 sh -c \'printf "%s %s\\n" "$0" "$(readlink "$0")"\'';
    const shown = (await box.exec('sh', ['-c', listing, '/b'])).stdoutBytes();
    expect(Buffer.from(shown).toString('latin1')).toBe('. \n./d\xff \n./d\xff/f\xff \n./l\xff d\xff\n');
    // Down, up, across as an archive, and inside of the guest.
    expect(await cp('box:/b', join(folder, 'down'))).toEqual(silent);
    expect(await cp(join(folder, 'down'), 'box:/up')).toEqual(silent);
    const archive = await cp('box:/up', '-');
    expect(await msb(['cp', '-', 'other:/across'], { env: home.env, input: archive.stdout })).toEqual(silent);
    expect(await cp('other:/across/up', 'box:/b2')).toEqual(silent);
    expect(await cp('box:/b2', 'box:/b3')).toEqual(silent);
    const last = (await box.exec('sh', ['-c', listing, '/b3'])).stdoutBytes();
    expect(last).toEqual(shown);

    // And in the file API.
    const names = (await fs.list('/b')).map(({ path, pathBytes }) => pathBytes ?? path);
    expect(names).toHaveLength(2);
    for await (const entry of fs.walk('/b')) {
      expect(Buffer.from(entry.pathBytes ?? []).at(-1)).toBe(0xff);
      if (entry.kind === 'file') expect(await fs.readToString(entry.pathBytes ?? '')).toBe('x\n');
      if (entry.kind === 'symlink') {
        expect(await fs.readLinkBytes(entry.pathBytes ?? '')).toEqual(Buffer.from('d\xff', 'latin1'));
      }
    }
  });

  it('lets no guest write outside of the copy', async () => {
    await box.shell('mkdir -p /h/a /h2/sub; ln -s ../../../../etc/passwd /h/a/up; ln -s /etc/passwd /h2/abs');
    const to = join(folder, 'to');
    const refused = await cp('box:/h', to);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'refusing to create symlink /h/a/up -> ../../../../etc/passwd: target escapes the copy destination',
    );
    expect(await readdir(join(to, 'a'))).toEqual([]);

    await mkdir(join(folder, 'outside'));
    await mkdir(join(folder, 'into/h2'), { recursive: true });
    await symlink('../../outside', join(folder, 'into/h2/sub'));
    await fs.write('/h2/sub/evil', 'x');
    expect(await cp('box:/h2', join(folder, 'into'))).toEqual(silent);
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
    expect(await readlink(join(folder, 'into/h2/abs'))).toBe('etc/passwd');
  });

  it('explains what it cannot do', async () => {
    await box.shell('mkdir /odd; mkfifo /odd/pipe');
    await writeFile(join(folder, 'there'), 'x');
    const cases: [string[], string][] = [
      [['a', 'b'], 'msb copy requires at least one sandbox endpoint (SANDBOX:/path)'],
      [['-', 'b'], 'msb copy requires at least one sandbox endpoint (SANDBOX:/path)'],
      [['box:rel', 'b'], 'ambiguous copy endpoint `box:rel`'],
      [['box:/', folder], 'cannot infer basename for /'],
      [['box:/t/..', folder], 'invalid guest path component ".."'],
      [['box:/none', folder], `sandbox fs error: /none: stat: ${NOT_FOUND}`],
      [['box:/proc/1/mem', folder], 'sandbox fs error: /proc/1/mem: read: I/O error (os error 5)'],
      [[join(folder, 'there'), 'box:/none/there'], `sandbox fs error: /none/there: open: ${NOT_FOUND}`],
      [['box:/odd', join(folder, 'odd')], 'unsupported file type: /odd/pipe'],
      [['box:/t', 'box:/t/inside'], 'cannot copy /t into itself: /t/inside'],
      [[join(folder, 'none'), 'box:/x'], 'none: no such file or folder'],
      [['nobody:/x', folder], 'sandbox not found: nobody'],
    ];
    for (const [args, message] of cases) {
      const result = await cp(...args);
      expect(result.stderr).toContain(message);
      expect(result.code).toBe(1);
    }
  });

  it('starts a sandbox that is stopped, and stops it again', async () => {
    await other.fs().write('/kept', 'x');
    await other.stop();
    expect((await cp('-q', 'other:/kept', join(folder, 'kept'))).stderr).toBe('');
    expect(await readFile(join(folder, 'kept'), 'utf8')).toBe('x');
    expect((await Sandbox.get('other')).status).toBe('stopped');
  });

  it('leaves nothing half done when it is interrupted', async () => {
    await box.shell('dd if=/dev/zero of=/t/big bs=1M count=400 2>/dev/null');
    const script = `"$0" cp box:/t/big "$1/big" & pid=$!; while ! ls -A "$1" | grep -q .; do sleep 0.05; done; kill -INT $pid; wait $pid; echo $?`;
    const result = await runCommand('bash', ['-m', '-c', script, command, folder], { env: home.env });
    expect(result.stdout.toString()).toBe('130\n');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a large file', () => {
  it(
    `of ${LARGE_MIB} MiB goes into a sandbox and comes back, as itself and in archives, with flat memory everywhere`,
    async () => {
      const [up, down, archive] = ['up', 'down', 'archive.tar'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const memory = await measurePeakMemory(folder, home.env);
      /** One way of copying; standard input and output are files where they are named. */
      const copy = (from: string, to: string, { input = '/dev/null', output = '/dev/null' } = {}) =>
        memory.of((env) =>
          mustRun('sh', ['-c', 'exec "$0" cp "$1" "$2" < "$3" > "$4"', command, from, to, input, output], {
            env,
            timeoutMs: LARGE_PATIENCE_MS,
          }),
        );
      const everyWay = async () => [
        await copy(up, 'box:/t/large'),
        await copy('box:/t/large', down),
        await copy('box:/t/large', '-', { output: archive }),
        await copy('-', 'box:/t/unpacked', { input: archive }),
      ];
      const relay = await sandboxProcess(home.path, 'box');
      await makeLargeFile(up, SMALL_MIB);
      const small = await everyWay();
      const relayBefore = await peakMib(relay);
      await rm(up);
      await makeLargeFile(up, LARGE_MIB);
      const large = await everyWay();
      const grown = large.map((peak, index) => Math.round(peak - (small[index] as number)));
      const relayGrown = Math.round((await peakMib(relay)) - relayBefore);
      console.log(`grew by ${grown.join(', ')} MiB (msb), ${relayGrown} MiB (sandbox process)`);

      const expected = await sha256OfFile(up);
      expect(await sha256OfFile(down)).toBe(expected);
      const unpacked = await copy('box:/t/unpacked/large', down);
      expect(await sha256OfFile(down)).toBe(expected);
      expect(Math.max(...grown, Math.round(unpacked - (small[1] as number)))).toBeLessThan(MOST_GROWTH_MIB);
      expect(relayGrown).toBeLessThan(MOST_GROWTH_MIB);
      await fs.removeDir('/t/unpacked');
      await fs.remove('/t/large');
    },
    LARGE_PATIENCE_MS,
  );
});
