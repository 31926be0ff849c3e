import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IsolatedHome, mustRun } from '@microsandbox/test-utils';
import type { SandboxFsOps, Sandbox as SandboxType } from 'microsandbox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, importSdk } from './support/consumer.ts';
import { peakMib } from './support/peak-memory.ts';
import { sandboxProcess } from './support/sandbox-process.ts';

/** `npm run torture` asks for 1024. */
const STREAM_MIB = Number(process.env['MSB_TORTURE_STREAM_MIB'] ?? 128);
const STREAM_PATIENCE_MS = 600_000;

const { Sandbox, SandboxFsOpsError, AgentLostError, IoError } = await importSdk();

let made: BusyboxHome;
let home: IsolatedHome;
let reference: string;
let box: SandboxType;
let fs: SandboxFsOps;
let folder: string;

beforeAll(async () => {
  made = await startBusyboxHome();
  ({ home, reference } = made);
  box = await Sandbox.builder('box').image(reference).create();
  fs = box.fs();
  await fs.mkdir('/t');
});

afterAll(async () => {
  await box.stop();
  await made[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const fails = (text: string | RegExp) =>
  expect.objectContaining({
    code: 'sandboxFsOps',
    message: typeof text === 'string' ? `sandbox fs error: ${text}` : expect.stringMatching(text),
  });
const NOT_FOUND = 'No such file or directory (os error 2)';

/** Content of a program in the consumer's project: streams out and back, and tells its own memory. */
const STREAMING = `
import { createHash, randomBytes } from 'node:crypto';
import { Sandbox } from 'microsandbox';
const sandbox = await (await Sandbox.get('box')).connect();
const fs = sandbox.fs();
const round = async (path, mebibytes) => {
  const sent = createHash('sha256');
  const block = randomBytes(1 << 20);
  await using sink = await fs.writeStream(path);
  for (let i = 0; i < mebibytes; i++) {
    block.writeUInt32LE(i);
    sent.update(block);
    await sink.write(block);
  }
  await sink.close();
  const received = createHash('sha256');
  await using stream = await fs.readStream(path);
  for await (const chunk of stream) received.update(chunk);
  return [sent.digest('hex'), received.digest('hex')];
};
await round('/t/warm', 8);
await fs.remove('/t/warm');
const before = process.resourceUsage().maxRSS;
const [sent, received] = await round('/t/large', Number(process.argv[2]));
const after = process.resourceUsage().maxRSS;
console.log(JSON.stringify({ sent, received, grownMib: (after - before) / 1024 }));
process.exit(0);
`;

describe('streams', () => {
  it(
    `carry ${STREAM_MIB} MiB out and back with flat memory on both sides`,
    async () => {
      const program = join(consumer, 'streaming.mjs');
      await writeFile(program, STREAMING);
      const relay = await sandboxProcess(home.path, 'box');
      const before = await peakMib(relay);
      const { stdout } = await mustRun(process.execPath, [program, String(STREAM_MIB)], {
        env: home.env,
        timeoutMs: STREAM_PATIENCE_MS,
      });
      const { sent, received, grownMib } = JSON.parse(stdout.toString());
      const relayMib = (await peakMib(relay)) - before;
      console.log(`grew by ${grownMib.toFixed(1)} MiB (SDK), ${relayMib.toFixed(1)} MiB (sandbox process)`);
      expect(received).toBe(sent);
      expect((await box.exec('sha256sum', ['/t/large'])).stdout()).toContain(sent);
      expect(grownMib).toBeLessThan(48);
      expect(relayMib).toBeLessThan(100);
      await fs.remove('/t/large');
    },
    STREAM_PATIENCE_MS,
  );

  it('hand over what is not read without holding the guest up', async () => {
    await box.shell('dd if=/dev/zero of=/t/zeros bs=1M count=16 2>/dev/null');
    await using slow = await fs.readStream('/t/zeros');
    expect((await slow.recv())?.length).toBeGreaterThan(0);
    // Others go on while nobody reads.
    expect(await fs.exists('/t/zeros')).toBe(true);
    expect((await box.exec('true')).code).toBe(0);
    let size = 0;
    for await (const chunk of slow) size += chunk.length;
    expect(size).toBeGreaterThan(15 << 20);
    expect(await slow.recv()).toBeNull();
    await fs.remove('/t/zeros');
  });

  it('can be left before their end, more often than there are connections', async () => {
    await fs.write('/t/some', Buffer.alloc(300 << 10));
    for (let i = 0; i < 150; i++) {
      await using stream = await fs.readStream('/t/some');
      expect((await stream.recv())?.length).toBeGreaterThan(0);
      await stream[Symbol.asyncDispose]();
      expect(await stream.recv()).toBeNull();
    }
  });

  it('take writes of any size, also at once', async () => {
    const sink = await fs.writeStream('/t/pieces');
    const pieces = [1, 700_000, 0, 500_000, 3_000_000, 7].map((size) => randomBytes(size));
    await Promise.all(pieces.map((piece) => sink.write(piece)));
    await sink.close();
    await sink.close();
    await expect(sink.write('x')).rejects.toThrow('write sink already closed');
    expect(sha256(await fs.read('/t/pieces'))).toBe(sha256(Buffer.concat(pieces)));
  });

  it('tell that the guest has no space left', async () => {
    await box.shell('mkdir -p /t/small && mount -t tmpfs -o size=2m none /t/small');
    const write = async (): Promise<void> => {
      await using sink = await fs.writeStream('/t/small/f');
      for (let i = 0; i < 64; i++) await sink.write(Buffer.alloc(1 << 20));
      await sink.close();
    };
    await expect(write()).rejects.toEqual(fails('write: No space left on device (os error 28)'));
    await expect(fs.write('/t/small/g', Buffer.alloc(4 << 20))).rejects.toEqual(fails(/No space left/));
    await box.shell('umount /t/small');
  });
});

describe('files', () => {
  it('are written, replaced and read', async () => {
    await fs.write('/t/f', 'grüße\n');
    expect(await fs.readToString('/t/f')).toBe('grüße\n');
    await fs.write('/t/f', new Uint8Array([1, 2, 3]).subarray(1));
    expect([...(await fs.read('/t/f'))]).toEqual([2, 3]);
    await fs.write('/t/f', '');
    expect(await fs.read('/t/f')).toHaveLength(0);
    await fs.write('/t/f', new Uint8Array([0xff]));
    await expect(fs.readToString('/t/f')).rejects.toEqual(fails(/^sandbox fs error: invalid utf-8: /));
    expect(await fs.readToString('/proc/self/comm')).not.toBe('');
  });

  it('tell what they are', async () => {
    await box.shell('cd /t; echo hello > s; chmod 640 s; touch -d @1000000000 s; ln -s s link; mkfifo pipe');
    expect(await fs.stat('/t/s')).toEqual({
      kind: 'file',
      size: 6,
      mode: 0o100640,
      readonly: false,
      modified: new Date(1_000_000_000_000),
      created: null,
    });
    expect(await fs.stat('/t/link')).toMatchObject({ kind: 'file', size: 6 });
    expect(await fs.lstat('/t/link')).toMatchObject({ kind: 'symlink' });
    expect(await fs.stat('/t/pipe')).toMatchObject({ kind: 'other' });
    await fs.chmod('/t/s', 0o444);
    expect(await fs.stat('/t/s')).toMatchObject({ mode: 0o100444, readonly: true });
    await fs.chown('/t/s', 12, 34);
    expect((await box.exec('stat', ['-c', '%u:%g', '/t/s'])).stdout()).toBe('12:34\n');
    expect(await fs.readLink('/t/link')).toBe('s');
    expect(await fs.realPath('/t/link')).toBe('/t/s');
  });

  it('are listed, links for themselves, whatever their names', async () => {
    await fs.mkdir('/t/list/deep/deeper');
    const names = [' ', 'a\nb', '"', 'ünï', 'n'.repeat(255), '-rf', '*'];
    for (const name of names) await fs.write(`/t/list/${name}`, name);
    await fs.symlink('nowhere', '/t/list/l');
    const listed = await fs.list('/t/list');
    expect(listed.map(({ path, kind }) => `${kind} ${path}`).sort()).toEqual(
      ['directory /t/list/deep', 'symlink /t/list/l', ...names.map((name) => `file /t/list/${name}`)].sort(),
    );
    const walked: string[] = [];
    for await (const { path } of fs.walk('/t/list')) walked.push(path);
    expect(walked).toContain('/t/list/deep/deeper');
    expect(walked).toHaveLength(names.length + 3);
    for (const name of names) expect(await fs.readToString(`/t/list/${name}`)).toBe(name);
  });

  it('may be more than one frame can list', async () => {
    const names = `awk 'BEGIN { for (i = 0; i < 11000; i++) printf "%0250d\\n", i }'`;
    expect((await box.shell(`mkdir /t/many && cd /t/many && ${names} | xargs touch`)).code).toBe(0);
    const listed = await fs.list('/t/many');
    expect(new Set(listed.map(({ path }) => path)).size).toBe(11_000);
    await fs.removeDir('/t/many');
    expect(await fs.exists('/t/many')).toBe(false);
  });

  it('are moved, copied and removed', async () => {
    await fs.mkdir('/t/a/b');
    await fs.mkdir('/t/a/b');
    await fs.write('/t/a/f', 'x');
    await fs.chmod('/t/a/f', 0o750);
    await fs.copy('/t/a/f', '/t/a/b/g');
    expect(await fs.stat('/t/a/b/g')).toMatchObject({ size: 1, mode: 0o100750 });
    await fs.rename('/t/a/b', '/t/a/c');
    expect([await fs.exists('/t/a/b'), await fs.exists('/t/a/c/g')]).toEqual([false, true]);
    await fs.remove('/t/a/f');
    await fs.removeDir('/t/a');
    expect(await fs.exists('/t/a')).toBe(false);
  });

  it.each<[string, string, (files: SandboxFsOps) => Promise<unknown>]>([
    ['read', `open: ${NOT_FOUND}`, (files) => files.read('/none')],
    ['readStream', `open: ${NOT_FOUND}`, (files) => files.readStream('/none')],
    ['read of a folder', 'read: Is a directory (os error 21)', (files) => files.read('/t')],
    ['write', `open: ${NOT_FOUND}`, (files) => files.write('/none/f', 'x')],
    ['list', `readdir: ${NOT_FOUND}`, (files) => files.list('/none')],
    ['list of a file', 'readdir: Not a directory (os error 20)', (files) => files.list('/bin/busybox')],
    ['stat', `stat: ${NOT_FOUND}`, (files) => files.stat('/none')],
    ['remove', `remove: ${NOT_FOUND}`, (files) => files.remove('/none')],
    ['remove of a folder', 'remove: Is a directory (os error 21)', (files) => files.remove('/t')],
    ['removeDir', `remove_dir: ${NOT_FOUND}`, (files) => files.removeDir('/none')],
    ['rename', `rename: ${NOT_FOUND}`, (files) => files.rename('/none', '/x')],
    ['copy', `copy: ${NOT_FOUND}`, (files) => files.copy('/none', '/x')],
    [
      'copy onto itself',
      'copy: /etc/passwd and /etc/../etc/passwd are the same file',
      (files) => files.copy('/etc/passwd', '/etc/../etc/passwd'),
    ],
    ['symlink', 'symlink: File exists (os error 17)', (files) => files.symlink('x', '/t')],
    ['mkdir over a file', 'mkdir: File exists (os error 17)', (files) => files.mkdir('/bin/busybox')],
    ['chmod', `setstat: ${NOT_FOUND}`, (files) => files.chmod('/none', 0o600)],
  ])('say why not: %s', async (_, text, operation) => {
    await expect(operation(fs)).rejects.toEqual(fails(text));
    await expect(operation(fs)).rejects.toBeInstanceOf(SandboxFsOpsError);
  });

  it('keep what they have when what is to be written is no data', async () => {
    await fs.write('/t/kept', 'kept');
    for (const data of [5, undefined, null, new ArrayBuffer(4), {}]) {
      await expect(fs.write('/t/kept', data as unknown as string)).rejects.toThrow(TypeError);
    }
    expect(await fs.readToString('/t/kept')).toBe('kept');
    await fs.write('/t/kept', new Uint16Array([0x4141, 0x4242]) as unknown as Uint8Array);
    expect(await fs.readToString('/t/kept')).toBe('AABB');
  });

  it('are asked for more often at once than there are connections', async () => {
    const asked = Array.from({ length: 300 }, () => fs.stat('/t'));
    expect(new Set((await Promise.all(asked)).map(({ kind }) => kind))).toEqual(new Set(['directory']));
  });

  it('go to and from the host', async () => {
    const bytes = randomBytes(5 << 20);
    await writeFile(join(folder, 'up'), bytes);
    await fs.copyFromHost(join(folder, 'up'), '/t/up');
    await fs.copyToHost('/t/up', join(folder, 'down'));
    expect(sha256(await readFile(join(folder, 'down')))).toBe(sha256(bytes));
    await expect(fs.copyFromHost(join(folder, 'none'), '/t/x')).rejects.toBeInstanceOf(IoError);
    await expect(fs.copyToHost('/t/up', join(folder, 'none/x'))).rejects.toBeInstanceOf(IoError);
    await expect(fs.copyToHost('/none', join(folder, 'never'))).rejects.toEqual(fails(`open: ${NOT_FOUND}`));
    expect((await readdir(folder)).sort()).toEqual(['down', 'up']);
  });

  it('are quick over one connection', async () => {
    await using session = await box.fsSession();
    for (let i = 0; i < 50; i++) await session.write('/t/s-file', `${i}`);
    expect(await session.readToString('/t/s-file')).toBe('49');
    await using stream = await session.readStream('/t/s-file');
    await session[Symbol.asyncDispose]();
    await expect(stream.recv()).rejects.toMatchObject({ code: 'agentClient' });
  });
});

describe('a machine that goes away', () => {
  it('rejects what is under way', async () => {
    await using sandbox = await Sandbox.builder('lost').image(reference).create();
    const files = sandbox.fs();
    await sandbox.shell('dd if=/dev/zero of=/zeros bs=1M count=8 2>/dev/null');
    await using stream = await files.readStream('/zeros');
    await stream.recv();
    const sink = await files.writeStream('/sink');
    await sink.write('x');
    await sandbox.kill();
    const read = async (): Promise<void> => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toBeInstanceOf(AgentLostError);
    await expect(sink.close()).rejects.toBeInstanceOf(AgentLostError);
    await expect(files.read('/zeros')).rejects.toMatchObject({ code: 'sandboxNotRunning' });
    await expect(files.exists('/zeros')).rejects.toMatchObject({ code: 'sandboxNotRunning' });
    await Sandbox.remove('lost');
  });
});
