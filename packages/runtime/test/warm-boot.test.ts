import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { AgentClient } from '@microsandbox/protocol';
import { DEFAULT_HOST_CONFIG } from '@microsandbox/utils';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SandboxProcess } from '../src/start/sandbox-process.ts';
import { formatMakerArguments, type MakerArguments } from '../src/warm/maker-arguments.ts';
import { prewarm } from '../src/warm/prewarm.ts';
import { TemplateStore } from '../src/warm/template-store.ts';
import { missingForVms } from '../test-support/missing-for-vms.ts';
import { tempDir } from '../test-support/temp-dir.ts';
import { TestHome } from '../test-support/test-home.ts';

const lacking = missingForVms();
const title = `warm boot${lacking ? ` (skipped: ${lacking})` : ''}`;
const warm = { config: { ...DEFAULT_HOST_CONFIG, warm: 'auto' } };

/** Output of a command in the guest. */
async function run(home: TestHome, script: string): Promise<string> {
  const client = await AgentClient.connect(home.paths.agentSocket);
  try {
    const stream = await client.stream('core.exec.request', { cmd: '/bin/sh', args: ['-c', script] });
    let stdout = '';
    for await (const message of stream) {
      if (message.type === 'core.exec.stdout') stdout += message.payload.data.toString();
      if (message.type === 'core.exec.exited') return stdout;
    }
    throw new Error('the stream ended early');
  } finally {
    await client.close();
  }
}

async function stop(sandbox: SandboxProcess): Promise<void> {
  sandbox.abandon();
  expect((await sandbox.wait()).code).toBe(0);
}

/** Memory of a guest that a process has open although it has no name any more; the name that it had. */
function hiddenMemoryOf(pid: number): string | undefined {
  const folder = `/proc/${pid}/fd`;
  const targets = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(join(folder, fd));
    } catch {
      return ''; // Closed meanwhile.
    }
  });
  return targets
    .map((target) => /^(\/dev\/shm\/microsandbox-\w+) \(deleted\)$/.exec(target)?.[1])
    .find(Boolean);
}

/** Pids of the processes whose arguments name `path`. */
function processesNaming(path: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(join('/proc', name, 'cmdline'), 'latin1').includes(path);
    } catch {
      return false; // Gone meanwhile.
    }
  });
}

function storeOf(home: TestHome): TemplateStore {
  return new TemplateStore(home.cacheDir);
}

function makerSettings(home: TestHome): MakerArguments {
  return {
    cacheDir: home.cacheDir,
    libkrunfwPath: home.launch.libkrunfw_path,
    vcpus: 1,
    memoryMib: 256,
    thp: 'madvise',
    shares: 0,
    maxTemplates: 4,
  };
}

/** Makes the template that the home's sandbox wakes from. */
async function makeTemplate(home: TestHome): Promise<string> {
  const made = await prewarm({ ...makerSettings(home), env: process.env });
  expect(made).toBe('made');
  const [info] = await storeOf(home).list();
  return join(home.cacheDir, 'warm', info?.key ?? '');
}

describe.skipIf(lacking !== null)(title, { timeout: 180_000 }, () => {
  it('wakes sandboxes that have nothing in common but the template', async () => {
    const first = await TestHome.create(tempDir());
    const folder = await makeTemplate(first);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    const before = readFileSync(join(folder, 'meta.json'), 'utf8');

    const second = await TestHome.create(tempDir(), { cacheDir: first.cacheDir });
    const seen: string[][] = [];
    for (const home of [first, second]) {
      const sandbox = await home.start(warm);
      expect(sandbox.boot.boot).toEqual({ kind: 'warm' });
      const facts = await run(
        home,
        'cat /proc/sys/kernel/random/uuid; head -c 32 /dev/urandom | od -An -tx1 | tr -d " \\n"; echo;' +
          'cat /sys/block/vda/size /sys/block/vda/ro /sys/block/vdb/size /sys/block/vdb/ro; ls /sys/block;' +
          'grep -c ^processor /proc/cpuinfo; grep MemTotal /proc/meminfo; hostname; echo mine > /root/file; sync',
      );
      const lines = facts.trimEnd().split('\n');
      seen.push(lines.slice(0, 2));
      const sectors = (path: string | null | undefined) => String(statSync(path ?? '').size / 512);
      expect(lines.slice(2, 6)).toEqual([
        sectors(home.launch.rootfs.disk),
        '1',
        sectors(home.launch.rootfs.upper),
        '0',
      ]);
      const devices = lines.slice(6, lines.indexOf('1', 6)).filter((name) => name.startsWith('vd'));
      expect(devices).toEqual(['vda', 'vdb']);
      expect(Number(/MemTotal: +(\d+) kB/.exec(facts)?.[1])).toBeGreaterThan(200 * 1024);
      expect(lines.at(-1)).toBe('box');
      // The guest prints a second as soon as it begins.
      const second = await run(home, 's=$(date +%s); while [ "$(date +%s)" = "$s" ]; do :; done; date +%s');
      expect(Math.abs(Date.now() / 1000 - Number(second))).toBeLessThan(0.5);
      await stop(sandbox);
      execFileSync('/usr/sbin/e2fsck', ['-fn', home.launch.rootfs.upper ?? ''], { stdio: 'pipe' });
    }
    expect(seen[0]?.[0]).not.toBe(seen[1]?.[0]);
    expect(seen[0]?.[1]).not.toBe(seen[1]?.[1]);
    expect(seen[0]?.[1]).toHaveLength(64);
    // Sandboxes wrote to their memory and to their disks, and nothing of it reached the template.
    expect(readFileSync(join(folder, 'meta.json'), 'utf8')).toBe(before);

    const again = await first.start(warm);
    expect(await run(first, 'cat /root/file')).toBe('mine\n');
    await stop(again);
  });

  it('wakes six at once, twice, each with its own disk', async () => {
    // Six of them on a host that is busy with other things: no guest is to be given up for its slowness.
    vi.stubEnv('MSB_BOOT_TIMEOUT_MS', '120000');
    onTestFinished(() => void vi.unstubAllEnvs());
    const first = await TestHome.create(tempDir());
    await makeTemplate(first);
    const others = Array.from({ length: 5 }, () => TestHome.create(tempDir(), { cacheDir: first.cacheDir }));
    const homes = [first, ...(await Promise.all(others))];
    for (const round of ['a', 'b']) {
      const sandboxes = await Promise.all(homes.map((home) => home.start(warm)));
      expect(sandboxes.map(({ boot }) => boot.boot.kind)).toEqual(homes.map(() => 'warm'));
      await Promise.all(homes.map((home, index) => run(home, `echo ${round}${index} >> /root/file; sync`)));
      await Promise.all(sandboxes.map(stop));
    }
    for (const [index, home] of homes.entries()) {
      execFileSync('/usr/sbin/e2fsck', ['-fn', home.launch.rootfs.upper ?? ''], { stdio: 'pipe' });
      const content = execFileSync(
        '/usr/sbin/debugfs',
        ['-R', 'cat /upper/root/file', home.launch.rootfs.upper ?? ''],
        {
          stdio: 'pipe',
        },
      );
      expect(content.toString()).toBe(`a${index}\nb${index}\n`);
    }
  });

  it('leaves nothing in memory when its maker is killed', async () => {
    const home = await TestHome.create(tempDir());
    const maker = spawn(
      process.execPath,
      [join(import.meta.dirname, '../dist/template-maker.cjs'), ...formatMakerArguments(makerSettings(home))],
      {
        stdio: 'ignore',
      },
    );
    const ended = once(maker, 'exit');
    // Its monitor has the guest's memory open by now, and the memory's name is gone.
    const memory = await vi.waitUntil(() => hiddenMemoryOf(maker.pid ?? 0), {
      timeout: 60_000,
      interval: 20,
    });
    maker.kill('SIGKILL');
    await ended;
    await expect.poll(() => processesNaming(memory), { timeout: 30_000 }).toEqual([]);
    expect(existsSync(memory)).toBe(false);
    expect(await storeOf(home).list()).toEqual([]);
    await makeTemplate(home);
  });

  it('makes the template in the background after a cold start, and uses it at the next', async () => {
    const home = await TestHome.create(tempDir());
    const cold = await home.start(warm);
    expect(cold.boot.boot).toEqual({ kind: 'cold', reason: 'no template yet' });
    await expect
      .poll(async () => (await storeOf(home).list()).length, { timeout: 40_000, interval: 200 })
      .toBe(1);
    await stop(cold);
    const next = await home.start(warm);
    expect(next.boot.boot.kind).toBe('warm');
    await stop(next);
    const off = await home.start();
    expect(off.boot.boot).toEqual({ kind: 'cold', reason: 'warm boot is off' });
    await stop(off);
  });

  it.each([
    ['whose memory was cut in half', 'memory', (path: string) => truncateSync(path, 128 * 1024 * 1024)],
    [
      'whose state is zeros',
      'state',
      (path: string) => writeFileSync(path, Buffer.alloc(statSync(path).size)),
    ],
    ['whose state was cut', 'state', (path: string) => truncateSync(path, 1000)],
    ['without a readable description', 'meta.json', (path: string) => writeFileSync(path, '{"version":')],
  ])('notices a template %s, removes it and boots', async (_what, file, damage) => {
    const home = await TestHome.create(tempDir());
    const folder = await makeTemplate(home);
    damage(join(folder, file));
    const sandbox = await home.start(warm);
    expect(sandbox.boot.boot.kind).toBe('cold');
    expect(await run(home, 'echo up')).toBe('up\n');
    await stop(sandbox);
  });

  it('replaces a machine whose template loads but does not answer, in the same call', async () => {
    const home = await TestHome.create(tempDir());
    const folder = await makeTemplate(home);
    // Memory of zeros, passed off as genuine.
    const memory = join(folder, 'memory');
    const size = statSync(memory).size;
    truncateSync(memory, 0);
    truncateSync(memory, size);
    const meta = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'));
    const identity = ['memory', 'state']
      .map((name) => statSync(join(folder, name), { bigint: true }))
      .map(({ ino, size: bytes, mtimeNs }) => [ino, bytes, mtimeNs].join('.'))
      .join('-');
    writeFileSync(join(folder, 'meta.json'), JSON.stringify({ ...meta, identity }));
    process.env['MSB_BOOT_TIMEOUT_MS'] = '15000';
    onTestFinished(() => {
      delete process.env['MSB_BOOT_TIMEOUT_MS'];
    });
    const sandbox = await home.start(warm);
    expect(sandbox.boot.boot).toMatchObject({
      kind: 'cold',
      reason: expect.stringContaining('template removed'),
    });
    expect(await run(home, 'echo up')).toBe('up\n');
    expect(readFileSync(home.paths.runtimeLog, 'utf8')).toMatch(/booting one instead|template removed/);
    await stop(sandbox);
  });

  it('never uses and finally removes what an interrupted maker left', async () => {
    const home = await TestHome.create(tempDir());
    const leftover = join(home.cacheDir, 'warm', '.some-key.tmp');
    mkdirSync(leftover, { recursive: true });
    writeFileSync(join(leftover, 'memory'), 'half');
    expect(await storeOf(home).list()).toEqual([]);
    await makeTemplate(home);
    expect(existsSync(leftover)).toBe(false);
    expect(await storeOf(home).list()).toHaveLength(1);
    await storeOf(home).prune(0);
    expect(await storeOf(home).list()).toEqual([]);
  });
});
