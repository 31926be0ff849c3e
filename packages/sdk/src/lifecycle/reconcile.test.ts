import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { lstat, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  activeRun,
  type Catalog,
  cleanupEphemeral,
  insertRun,
  insertSandbox,
  latestRun,
  RootfsRepository,
  runMaintenance,
  sandboxById,
  sandboxByName,
  setSandboxStatus,
} from '@microsandbox/db';
import { type SandboxState, sandboxConfigSchema } from '@microsandbox/types';
import { isProcessAlive, sandboxPaths, tryFileLock, utcTimestamp } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { findSandbox } from './find-sandbox.ts';
import { forceRemoveSandbox } from './force-remove.ts';
import { listSandboxes } from './list-sandboxes.ts';
import { assertNameFree, claimName } from './prepare-target.ts';
import { reconcile } from './reconcile.ts';
import { sandboxPlace } from './sandbox-place.ts';
import { validateStartState } from './start-existing.ts';

let home: TestHome;
let catalog: Catalog;
const children: ChildProcess[] = [];
beforeEach(async () => {
  home = await testHome();
  catalog = await home.backend.catalog();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await home[Symbol.asyncDispose]();
});

/** The first pid from 900000 on that belongs to nobody. */
async function deadPid(): Promise<number> {
  for (let pid = 900_000; ; pid += 1) if (!(await isProcessAlive(pid))) return pid;
}

async function livePid(): Promise<number> {
  const child = spawn('sleep', ['30'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  return child.pid as number;
}

interface Setup {
  readonly status: SandboxState;
  readonly pid?: number;
  readonly startedAt?: string | null;
  readonly ephemeral?: boolean;
}

const configOf = (name: string, ephemeral = false) =>
  sandboxConfigSchema.parse({
    name,
    image: { DiskImage: { path: home.disk, format: 'Raw', fstype: null } },
    lifecycle: { ephemeral },
  });

/** Puts a row, and with a pid a run, into the catalog. */
async function given(name: string, { status, pid, startedAt, ephemeral }: Setup): Promise<number> {
  return catalog.write((db) => {
    const { id } = insertSandbox(db, configOf(name, ephemeral));
    setSandboxStatus(db, id, status);
    if (pid !== undefined) {
      const run = insertRun(db, { sandboxId: id, pid });
      if (startedAt !== undefined)
        db.prepare('UPDATE run SET started_at = ? WHERE id = ?').run(startedAt, run);
    }
    return id;
  });
}

const rowOf = (id: number) => catalog.read((db) => sandboxById(db, id));
const runOf = (id: number) => catalog.read((db) => latestRun(db, id));
async function reconciled(id: number) {
  const row = await rowOf(id);
  return row === null ? null : reconcile(home.backend, row);
}

describe('reconcile', () => {
  it('marks_dead_processes_crashed', async () => {
    const id = await given('dead', { status: 'Running', pid: await deadPid(), startedAt: null });
    expect(await reconciled(id)).toMatchObject({ status: 'Crashed', active_config: null });
    expect(await runOf(id)).toMatchObject({
      status: 'Terminated',
      termination_reason: 'InternalError',
      terminated_at: expect.any(String),
    });
  });

  it('reap_marks_only_dead_running_and_draining_sandboxes', async () => {
    const dead = await deadPid();
    const ids = {
      a: await given('a', { status: 'Running', pid: dead }),
      b: await given('b', { status: 'Running', pid: await livePid() }),
      c: await given('c', { status: 'Draining', pid: dead }),
      d: await given('d', { status: 'Stopped' }),
      e: await given('e', { status: 'Running' }),
    };
    const statuses = await Promise.all(Object.values(ids).map(async (id) => (await reconciled(id))?.status));
    expect(statuses).toEqual(['Crashed', 'Running', 'Stopped', 'Stopped', 'Running']);
  });

  it('draining + dead pid ends as Stopped, because it was asked to', async () => {
    const id = await given('drained', { status: 'Draining', pid: await deadPid() });
    expect((await reconciled(id))?.status).toBe('Stopped');
    expect(await runOf(id)).toMatchObject({ termination_reason: 'ShutdownRequested' });
  });

  it('draining without run ends as Stopped', async () => {
    const id = await given('drained', { status: 'Draining' });
    expect((await reconciled(id))?.status).toBe('Stopped');
  });

  it('takes a reused pid for a dead process', async () => {
    const anHourAgo = utcTimestamp(Date.now() - 3_600_000);
    const id = await given('reused', { status: 'Running', pid: await livePid(), startedAt: anHourAgo });
    expect((await reconciled(id))?.status).toBe('Crashed');
  });

  it('leaves a sandbox alone whose lock is held, whatever its row says', async () => {
    const id = await given('starting', { status: 'Running', pid: await deadPid() });
    const { lifecycleLock } = sandboxPaths(home.layout, 'starting');
    await using _lock = await tryFileLock(lifecycleLock);
    expect((await reconciled(id))?.status).toBe('Running');
  });

  it('gives up a start whose process died, after a while', async () => {
    const id = await given('abandoned', { status: 'Running' });
    expect((await reconciled(id))?.status).toBe('Running');
    const before = utcTimestamp(Date.now() - 60_000);
    await catalog.write((db) => db.prepare('UPDATE sandbox SET updated_at = ? WHERE id = ?').run(before, id));
    expect((await reconciled(id))?.status).toBe('Crashed');
  });

  it('removes the sockets of a dead sandbox', async () => {
    const id = await given('sockets', { status: 'Running', pid: await deadPid() });
    const paths = sandboxPaths(home.layout, 'sockets');
    await mkdir(paths.socketDir, { recursive: true });
    await mkdir(dirname(paths.legacyAgentSocket), { recursive: true });
    await writeFile(paths.agentSocket, '');
    await writeFile(paths.controlSocket, '');
    await symlink('../sandboxes/x/agent.sock', paths.legacyAgentSocket);
    await reconciled(id);
    expect([paths.socketDir, paths.legacyAgentSocket].map((path) => existsSync(path))).toEqual([
      false,
      false,
    ]);
  });

  it('keeps a row active whose sockets cannot be removed, and lists it all the same', async () => {
    const id = await given('stuck', { status: 'Running', pid: await deadPid() });
    const { socketDir } = sandboxPaths(home.layout, 'stuck');
    await mkdir(socketDir, { recursive: true });
    await writeFile(join(socketDir, 'foreign'), '');
    await expect(reconciled(id)).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    expect((await listSandboxes(home.backend)).rows).toMatchObject([{ status: 'Running' }]);
    expect(await forceRemoveSandbox(home.backend, 'stuck')).toMatchObject({ record: true });
    expect([await rowOf(id), existsSync(socketDir)]).toEqual([null, false]);
  });

  it('removes a link in place of the socket folder, and nothing behind it', async () => {
    const id = await given('linked', { status: 'Running', pid: await deadPid() });
    const { socketDir } = sandboxPaths(home.layout, 'linked');
    await mkdir(dirname(socketDir), { recursive: true });
    await writeFile(join(home.path, 'agent.sock'), 'mine');
    await symlink(home.path, socketDir);
    expect((await reconciled(id))?.status).toBe('Crashed');
    expect([existsSync(socketDir), existsSync(join(home.path, 'agent.sock'))]).toEqual([false, true]);
  });

  it('says that a row is gone', async () => {
    const id = await given('gone', { status: 'Running', pid: await deadPid() });
    const row = await rowOf(id);
    await catalog.write((db) => db.prepare('DELETE FROM sandbox WHERE id = ?').run(id));
    expect(row && (await reconcile(home.backend, row))).toBeNull();
    expect(await findSandbox(home.backend, 'gone')).toBeNull();
  });
});

describe('preparing a name', () => {
  const place = (name: string) => sandboxPlace(home.backend, name);
  const makeFolder = async (name: string) => {
    const { dir } = sandboxPaths(home.layout, name);
    await mkdir(join(dir, 'runtime', 'scripts'), { recursive: true });
    return dir;
  };

  it('prepare_create_target_rejects_existing_state_without_force', async () => {
    await makeFolder('folder');
    await expect(assertNameFree(await place('folder'))).rejects.toThrow('already exists');
    await expect(claimName(await place('folder'))).rejects.toThrow('already exists');
  });

  it('prepare_create_target_force_replaces_stopped_sandbox_state (force replace stopped)', async () => {
    const id = await given('stopped', { status: 'Stopped' });
    const dir = await makeFolder('stopped');
    const paths = sandboxPaths(home.layout, 'stopped');
    await mkdir(paths.socketDir, { recursive: true });
    await mkdir(dirname(paths.legacyAgentSocket), { recursive: true });
    const sockets = [paths.agentSocket, paths.controlSocket];
    const links = [paths.legacyAgentSocket, paths.legacyControlSocket];
    for (const path of sockets) await writeFile(path, '');
    for (const path of links) await symlink('../sandboxes/x/agent.sock', path);
    await (await claimName(await place('stopped'), 10_000)).release();
    expect(await rowOf(id)).toBeNull();
    for (const path of [dir, paths.socketDir, ...sockets, ...links]) {
      await expect(lstat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });

  it('force_replaces_stale_running_sandbox_state', async () => {
    const id = await given('stale', { status: 'Running', pid: await deadPid() });
    const dir = await makeFolder('stale');
    await (await claimName(await place('stale'), 10_000)).release();
    expect(await rowOf(id)).toBeNull();
    expect(existsSync(dir)).toBe(false);
  });

  it('force_replaces_running_sandbox', async () => {
    const pid = await livePid();
    const id = await given('running', { status: 'Running', pid });
    const dir = await makeFolder('running');
    await (await claimName(await place('running'), 10_000)).release();
    expect(await isProcessAlive(pid)).toBe(false);
    expect(await rowOf(id)).toBeNull();
    expect(existsSync(dir)).toBe(false);
  });

  it('takes the place of a row whose creator died before its first run', async () => {
    const id = await given('stillborn', { status: 'Running' });
    const dir = await makeFolder('stillborn');
    await assertNameFree(await place('stillborn'));
    await (await claimName(await place('stillborn'))).release();
    expect(await rowOf(id)).toBeNull();
    expect(existsSync(dir)).toBe(false);
  });

  it('does not take the place of a row that is being created', async () => {
    await given('young', { status: 'Running' });
    await using _lock = await tryFileLock(sandboxPaths(home.layout, 'young').lifecycleLock);
    await expect(assertNameFree(await place('young'))).rejects.toThrow('already exists');
    await expect(claimName(await place('young'))).rejects.toThrow('already exists');
  });
});

describe('validating the state for a start', () => {
  it('validate_start_state_accepts_oci_with_manifest_digest', async () => {
    const place = await sandboxPlace(home.backend, 'oci');
    await mkdir(place.paths.dir, { recursive: true });
    const config = sandboxConfigSchema.parse({
      name: 'oci',
      image: { Oci: { reference: 'a' } },
      manifest_digest: 'sha256:aaaa',
    });
    await expect(validateStartState(place, config)).rejects.toBeInstanceOf(Error);
  });

  it('validate_start_state_requires_existing_sandbox_dir', async () => {
    const place = await sandboxPlace(home.backend, 'lost');
    await expect(validateStartState(place, configOf('lost'))).rejects.toMatchObject({
      code: 'custom',
      message: `sandbox state missing for 'lost': ${place.paths.dir}`,
    });
  });
});

describe('maintenance', () => {
  it('finds dead sandboxes and removes finished self-removing ones', async () => {
    const dead = await given('dead', { status: 'Running', pid: await deadPid() });
    const brief = await given('brief', { status: 'Running', pid: await deadPid(), ephemeral: true });
    const done = await given('done', { status: 'Stopped', ephemeral: true });
    const kept = await given('kept', { status: 'Stopped' });
    const { dir } = sandboxPaths(home.layout, 'done');
    await mkdir(dir, { recursive: true });
    expect(await runMaintenance(catalog, home.layout)).toBe(true);
    expect((await rowOf(dead))?.status).toBe('Crashed');
    expect([await rowOf(brief), await rowOf(done), existsSync(dir)]).toEqual([null, null, false]);
    expect((await rowOf(kept))?.status).toBe('Stopped');
    expect(await runMaintenance(catalog, home.layout)).toBe(false);
  });

  it('removes only what is finished, self-removing and not in use', async () => {
    const running = await given('running', { status: 'Running', ephemeral: true });
    const kept = await given('kept', { status: 'Stopped' });
    const locked = await given('locked', { status: 'Stopped', ephemeral: true });
    const alive = await given('alive', { status: 'Stopped', pid: await livePid(), ephemeral: true });
    const stuck = await given('stuck', { status: 'Crashed', ephemeral: true });
    await using _lock = await tryFileLock(sandboxPaths(home.layout, 'locked').lifecycleLock);
    const { socketDir } = sandboxPaths(home.layout, 'stuck');
    await mkdir(join(socketDir, 'foreign'), { recursive: true });
    const outcomes = [running, kept, locked, alive, stuck, 99_999].map((id) =>
      cleanupEphemeral(catalog, home.layout, id),
    );
    expect(await Promise.all(outcomes)).toEqual([
      'active',
      'persistent',
      'live-pid',
      'live-pid',
      'artifacts-remain',
      'already-gone',
    ]);
    expect(await rowOf(stuck)).not.toBeNull();
  });
});

it('remembers what a sandbox stands on until it is removed', async () => {
  const id = await given('pinned', { status: 'Stopped' });
  await new RootfsRepository(catalog).replacePin(id, 'sha256:1');
  expect(await catalog.read((db) => db.prepare('SELECT COUNT(*) FROM sandbox_rootfs').pluck().get())).toBe(1);
  expect(await catalog.read((db) => activeRun(db, id))).toBeNull();
  expect(await catalog.read((db) => sandboxByName(db, 'pinned'))).toMatchObject({ id });
});
