import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type IsolatedHome, mustRun, runCommand } from '@microsandbox/test-utils';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, importSdk, msb } from './support/consumer.ts';
import { overwrite } from './support/damage.ts';
import { expectNoProcessOf } from './support/leftovers.ts';

const { Sandbox, WarmBoot } = await importSdk();

const name = 'subject';
let made: BusyboxHome;
let home: IsolatedHome;
let store: string;

beforeAll(async () => {
  made = await startBusyboxHome();
  home = made.home;
  store = join(home.path, 'cache/warm');
});
afterAll(() => made[Symbol.asyncDispose]());
afterEach(async () => {
  await Sandbox.remove(name).catch(() => {});
});

const runtimeLog = () => readFile(join(home.path, 'sandboxes', name, 'logs/runtime.log'), 'utf8');
const unfinished = async () => (await readdir(store)).filter((entry) => entry.endsWith('.tmp'));
const create = () => Sandbox.builder(name).image(made.reference).replace().create();

/** One sandbox that works, and how it came to life. */
async function startAndStop() {
  const sandbox = await create();
  expect((await sandbox.shell('echo sound')).stdout()).toBe('sound\n');
  await sandbox.stop();
  return sandbox.boot;
}

/** Folder of the only template. */
async function onlyTemplate(): Promise<string> {
  await expect.poll(() => WarmBoot.list(), { timeout: 60_000, interval: 200 }).toHaveLength(1);
  return join(store, (await WarmBoot.list())[0]?.key ?? '');
}

describe('a template', () => {
  it.each<[string, (folder: string) => Promise<unknown>]>([
    ['cut in half', (folder) => truncate(join(folder, 'memory'), 256 << 20)],
    [
      'of zeros',
      async (folder) => {
        const memory = join(folder, 'memory');
        await truncate(memory, 0);
        await truncate(memory, 512 << 20);
      },
    ],
    [
      'with the state of another machine',
      async (folder) => {
        // As old as it was: the store takes the file for the one that it knows, and QEMU does not.
        const stamp = join(home.path, 'stamp');
        await mustRun('touch', ['-r', join(folder, 'state'), stamp]);
        await overwrite(join(folder, 'state'), 0, (await stat(join(folder, 'state'))).size);
        await mustRun('touch', ['-r', stamp, join(folder, 'state')]);
      },
    ],
  ])('%s is noticed, removed and replaced', async (_, damage) => {
    const folder = await onlyTemplate();
    await damage(folder);
    const boot = await startAndStop();
    expect(boot).toMatchObject({ boot: 'cold', bootReason: expect.stringMatching(/template/) });
    expect(await WarmBoot.list()).toEqual([]);
    await onlyTemplate();
    await expectNoProcessOf(home.path);
    expect(await startAndStop()).toMatchObject({ boot: 'warm' });
  });
});

describe('the making of a template', () => {
  /** Starts it and waits until it is so far on. */
  async function startMaking(): Promise<ChildProcess> {
    await WarmBoot.remove();
    const command = join(consumer, 'node_modules/.bin/msb');
    const child = spawn(command, ['warm', '-q'], { env: home.env, stdio: 'ignore' });
    await expect.poll(unfinished, { timeout: 20_000, interval: 20 }).toHaveLength(1);
    return child;
  }

  it.each([0, 700, 1400])('killed after %d ms leaves nothing that is used', async (delayMs) => {
    const child = await startMaking();
    const ended = once(child, 'exit');
    await sleep(delayMs);
    child.kill('SIGKILL');
    await ended;
    await expectNoProcessOf(home.path);
    // A fast machine may have made the template by then: a whole one is left, or none.
    const finished = delayMs > 0 && (await WarmBoot.list()).length > 0;
    expect(await WarmBoot.list()).toHaveLength(finished ? 1 : 0);
    expect(await unfinished()).toHaveLength(finished ? 0 : 1);
    expect(await WarmBoot.prewarm()).toBe(finished ? 'present' : 'made');
    expect(await unfinished()).toEqual([]);
    expect(await startAndStop()).toMatchObject({ boot: 'warm' });
  });

  it('on a full disk leaves the sandbox running, a warning and no half file', async (context) => {
    await WarmBoot.remove();
    const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', store]);
    if (mounted.code !== 0) context.skip(`can't mount a tmpfs here: ${mounted.stderr.trim()}`);
    try {
      const sandbox = await create();
      expect(sandbox.boot).toMatchObject({ boot: 'cold', bootReason: 'no template yet' });
      await expect
        .poll(runtimeLog, { timeout: 60_000, interval: 200 })
        .toMatch(/no template was made: ENOSPC/);
      expect(await readdir(store)).toEqual(['.lock']);
      expect((await sandbox.shell('echo still there')).stdout()).toBe('still there\n');
      await sandbox.stop();
      const { code, stderr } = await msb(['warm'], { env: home.env });
      expect([code, stderr]).toEqual([1, expect.stringMatching(/no space left/)]);
    } finally {
      await mustRun('umount', [store]);
    }
    await mkdir(store, { recursive: true });
    expect(await WarmBoot.prewarm()).toBe('made');
  });
});

it('the least recently used template goes when there are too many', async () => {
  await WarmBoot.remove();
  const config = join(home.path, 'config.json');
  const before = await readFile(config, 'utf8');
  await writeFile(config, JSON.stringify({ ...JSON.parse(before), warm: { max_templates: 2 } }));
  try {
    const sizes = async () => {
      const keys = (await WarmBoot.list()).map(({ key }) => /-(\d+)m-/.exec(key)?.[1]);
      expect(await readdir(store)).toHaveLength(keys.length + 1);
      return keys;
    };
    // Each in a process of its own, which reads the configuration anew.
    const warm = async (memory: string) => {
      const { code, stderr } = await msb(['warm', '-q', '--memory', memory], { env: home.env });
      expect([code, stderr]).toEqual([0, '']);
    };
    await warm('96M');
    await warm('112M');
    expect(await sizes()).toEqual(['112', '96']);
    await using sandbox = await Sandbox.builder(name).image(made.reference).memory(96).create();
    expect(sandbox.boot).toMatchObject({ boot: 'warm' });
    expect(await sizes()).toEqual(['96', '112']);
    await warm('128M');
    expect(await sizes()).toEqual(['128', '96']);
    expect((await sandbox.shell('echo sound')).stdout()).toBe('sound\n');
    await warm('112M');
    expect(await sizes()).toEqual(['112', '128']);
    // The memory of one that runs is a file without a name now.
    expect((await sandbox.shell('echo still sound')).stdout()).toBe('still sound\n');
    await sandbox.stop();
  } finally {
    await writeFile(config, before);
  }
});
