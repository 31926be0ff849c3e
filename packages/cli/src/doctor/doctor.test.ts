import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Catalog } from '@microsandbox/db';
import { importOciLayout } from '@microsandbox/image';
import { homeLayout } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeEmptyImage } from './empty-image.ts';
import { homeChecks } from './home-checks.ts';
import { leftoverChecks } from './leftover-checks.ts';
import { resourceChecks } from './resource-checks.ts';

let home: string;
const layout = () => homeLayout(home);

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'msb-doctor-test-'));
  vi.stubEnv('MSB_HOME', home);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

describe('homeChecks', () => {
  it('closes folders that others may look into', async () => {
    await chmod(home, 0o755);
    const [folders] = await homeChecks(layout(), process.env);
    expect(folders).toMatchObject({ status: 'warning', value: `others may look into ${home}` });
    expect(await folders?.fix?.()).toContain(home);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect((await homeChecks(layout(), process.env))[0]?.status).toBe('ok');
  });

  it('makes no database, and knows the version of one', async () => {
    expect((await homeChecks(layout(), process.env))[1]?.value).toBe('not made yet');
    expect(await readdir(home)).toEqual([]);
    await (await Catalog.open({ layout: layout() })).close();
    expect((await homeChecks(layout(), process.env))[1]).toMatchObject({
      status: 'ok',
      value: expect.stringMatching(/msb\.db, version m\d{8}_/),
    });
  });

  it('calls a database of a newer release a problem, with the way out', async () => {
    const catalog = await Catalog.open({ layout: layout() });
    await catalog.write((db) =>
      db.exec("INSERT INTO seaql_migrations VALUES ('m20990101_000001_future', 1)"),
    );
    await catalog.close();
    expect((await homeChecks(layout(), process.env))[1]).toMatchObject({
      status: 'problem',
      value: expect.stringContaining('m20990101_000001_future'),
      hint: expect.any(String),
    });
  });
});

describe('leftoverChecks', () => {
  it('removes old sockets at which nobody answers, and nothing else', async () => {
    const folder = join(layout().runDir, 'sandboxes');
    const long = new Date(Date.now() - 3_600_000);
    const socketOf = async (name: string) => {
      const path = join(folder, name);
      await mkdir(path, { recursive: true });
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(join(path, 'agent.sock'), resolve));
      return { path, server };
    };
    const live = await socketOf('live');
    await mkdir(join(folder, 'stale'));
    await mkdir(join(folder, 'young'));
    for (const name of ['live', 'stale']) await utimes(join(folder, name), long, long);

    const find = async () => (await leftoverChecks(layout())).find(({ name }) => name === 'sockets');
    const found = await find();
    expect(found).toMatchObject({ status: 'warning', value: '1 that nobody answers at' });
    expect(await found?.fix?.()).toBe('removed 1');
    expect((await readdir(folder)).sort()).toEqual(['live', 'young']);
    expect((await find())?.status).toBe('ok');
    await new Promise((resolve) => live.server.close(resolve));
  });
});

describe('leftover processes', () => {
  it('are those of this home that no running sandbox owns, with the way to end them', async () => {
    // As sandbox processes are: under a title that hides their arguments, with their sandbox's lock.
    const program = `process.title = 'microsandbox lost';
      require('node:fs').openSync(process.argv[1], 'w'); console.log('up'); setInterval(() => {}, 1000);`;
    const start = async (locksDir: string): Promise<ChildProcess> => {
      await mkdir(locksDir, { recursive: true });
      return spawn(process.execPath, ['-e', program, join(locksDir, 'x.lock')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
    };
    const ours = await start(layout().locksDir);
    const foreign = await start(join(home, 'another/locks'));
    const all = [ours, foreign];
    try {
      for (const { stdout } of all) await once(stdout as Readable, 'data');
      const found = (await leftoverChecks(layout())).find(({ name }) => name === 'processes');
      expect(found).toEqual({
        name: 'processes',
        status: 'warning',
        value: `${ours.pid} of lost`,
        hint: expect.stringContaining(`kill ${ours.pid}`),
      });
    } finally {
      for (const child of all) child.kill('SIGKILL');
      await Promise.all(all.map((child) => once(child, 'close')));
    }
    const after = (await leftoverChecks(layout())).find(({ name }) => name === 'processes');
    expect(after).toMatchObject({ status: 'ok' });
  });
});

describe('resourceChecks', () => {
  it('measures the disk of a home that is not made yet', async () => {
    const checks = await resourceChecks(join(home, 'not/made'));
    expect(checks.find(({ name }) => name === 'disk space')?.value).toMatch(/ free for .*not\/made$/);
    expect(checks.find(({ name }) => name === 'clock')?.status).toBe('ok');
    expect(await readdir(home)).toEqual([]);
  });
});

describe('writeEmptyImage', () => {
  it('is an image that the cache takes', async () => {
    const directory = join(home, 'layout');
    await writeEmptyImage(directory);
    const { image } = await importOciLayout({
      directory,
      reference: 'localhost/empty:latest',
      cacheDir: layout().cacheDir,
    });
    expect(image.layers).toHaveLength(1);
  });
});
