import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { activeRun, isActive, isRunAlive, latestRun, type SandboxRow, sandboxByName } from '@microsandbox/db';
import { SeededRandom } from '@microsandbox/test-utils';
import { sandboxPaths, sleep } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runScript, startScript } from '../../test/run-script.ts';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import { Sandbox } from '../sandbox.ts';
import { findSandbox } from './find-sandbox.ts';
import { forceRemoveSandbox } from './force-remove.ts';
import { listSandboxes } from './list-sandboxes.ts';

/** Few in the ordinary tests; `npm run torture` asks for more. */
const ROUNDS = Number(process.env['MSB_TORTURE_ROUNDS'] ?? 10);
const SEED = Number(process.env['MSB_TORTURE_SEED'] ?? 20_261_124);

/** Longest time until the kill; every operation is over by then on an idle machine. */
const MAX_DELAY_MS = 600;

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

const here = <T>(body: () => Promise<T>): Promise<T> => withBackend(home.backend, body);
const operate = (operation: string, name: string) =>
  runScript('operate.ts', [operation, name, home.disk], home.path);
const row = async (name: string): Promise<SandboxRow | null> => {
  const catalog = await home.backend.catalog();
  return catalog.read((db) => sandboxByName(db, name));
};

/** Processes of the home: sandbox processes inherit its `MSB_HOME`. */
async function processesOfHome(): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '');
    if (environment.split('\0').includes(`MSB_HOME=${home.path}`)) found.push(Number(entry));
  }
  return found;
}

async function sandboxPid(name: string): Promise<number | null> {
  const found = await row(name);
  if (found === null) return null;
  const catalog = await home.backend.catalog();
  return (await catalog.read((db) => activeRun(db, found.id)))?.pid ?? null;
}

/** The list calls those active whose process lives, and no others; no run of the others is open. */
async function expectTheTruth(): Promise<void> {
  await expect
    .poll(
      async () => {
        const wrong: string[] = [];
        for (const { id, name, status } of (await listSandboxes(home.backend)).rows) {
          const catalog = await home.backend.catalog();
          const run = await catalog.read((db) => activeRun(db, id));
          const alive = await isRunAlive(run);
          if (isActive(status) !== alive) wrong.push(`${name} is ${status}, alive ${alive}`);
          if (run !== null && !alive) wrong.push(`${name} has an open run of a dead process`);
        }
        return wrong;
      },
      { timeout: 15_000, interval: 100 },
    )
    .toEqual([]);
}

/** Brings a name into the state that an operation expects. */
async function prepare(operation: string, name: string): Promise<void> {
  if (operation === 'create' || operation === 'create-detached') return;
  await operate('create-detached', name);
  if (operation === 'start' || operation === 'remove')
    await here(async () => (await Sandbox.get(name)).stop());
}

/** Carries the operation out again; what the killed one had finished already counts as success. */
async function again(operation: string, name: string): Promise<void> {
  try {
    await operate(operation, name);
  } catch (error) {
    const found = await findSandbox(home.backend, name);
    const catalog = await home.backend.catalog();
    const finished = {
      // The sandbox was created and has run; it may have ended with its creator.
      create: found !== null && (await catalog.read((db) => latestRun(db, found.id))) !== null,
      'create-detached': found !== null && (await catalog.read((db) => latestRun(db, found.id))) !== null,
      replace: false,
      start: found?.status === 'Running',
      stop: false,
      remove: found === null,
    }[operation];
    if (finished !== true) throw error;
  }
}

const OPERATIONS = ['create', 'create-detached', 'replace', 'start', 'stop', 'remove'] as const;

describe('trial by fire', () => {
  it(`${ROUNDS} kills at random moments leave nothing stuck (seed ${SEED})`, async () => {
    const random = new SeededRandom(SEED);
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = `t${round}`;
      const operation = random.pick(OPERATIONS);
      const victim = random.chance(0.6) ? 'caller' : 'sandbox';
      const delayMs = random.fraction() * MAX_DELAY_MS;
      const what = `round ${round}: ${operation}, ${victim} after ${delayMs.toFixed(0)} ms`;
      await prepare(operation, name);
      const child = startScript('operate.ts', [operation, name, home.disk], home.path);
      const closed = once(child, 'close');
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      await sleep(delayMs);
      if (victim === 'caller') {
        child.kill('SIGKILL');
      } else {
        const pid = await sandboxPid(name);
        if (pid !== null) process.kill(pid, 'SIGKILL');
      }
      await closed;
      await expectTheTruth().catch((error: Error) => {
        throw new Error(`${what}: ${error.message}`);
      });
      await again(operation, name).catch((error: Error) => {
        throw new Error(`${what}, again: ${error.message}`);
      });
      await forceRemoveSandbox(home.backend, name).catch((error: { code?: string }) => {
        if (error.code !== 'sandboxNotFound') throw error;
      });
    }
    expect((await listSandboxes(home.backend)).rows).toEqual([]);
    await expect.poll(processesOfHome, { timeout: 10_000 }).toEqual([]);
    expect(await readdir(home.layout.sandboxesDir)).toEqual([]);
    expect(await readdir(join(home.layout.runDir, 'sandboxes'))).toEqual([]);
  }, 600_000);

  it('200 creates by 8 processes at once lose nothing', async () => {
    const children = Array.from({ length: 8 }, (_, index) =>
      runScript('create-many.ts', [`p${index}`, '25', home.disk], home.path),
    );
    await Promise.all(children);
    const catalog = await home.backend.catalog();
    const [count, runs, integrity] = await catalog.read((db) => [
      db.prepare('SELECT COUNT(DISTINCT name) FROM sandbox').pluck().get(),
      db.prepare('SELECT COUNT(*) FROM run').pluck().get(),
      db.pragma('integrity_check', { simple: true }),
    ]);
    expect([count, runs, integrity]).toEqual([200, 200, 'ok']);
    expect(await readdir(home.layout.sandboxesDir)).toHaveLength(200);
    // Their processes have ended, so the list finds them crashed.
    let cursor: string | undefined;
    const statuses = new Set<string>();
    do {
      const page = await listSandboxes(home.backend, { limit: 100, ...(cursor !== undefined && { cursor }) });
      for (const { status } of page.rows) statuses.add(status);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect([...statuses]).toEqual(['Crashed']);
    await catalog.write((db) => db.exec('DELETE FROM sandbox'));
  }, 120_000);

  it('a restart of the machine leaves everything stopped or crashed, and startable', async () => {
    await operate('create-detached', 'one');
    await operate('create-detached', 'two');
    await here(async () => (await Sandbox.get('two')).requestDrain());
    for (const pid of await processesOfHome()) process.kill(pid, 'SIGKILL');
    await expect.poll(processesOfHome, { timeout: 10_000 }).toEqual([]);
    // Another boot: pids are used again, by processes that began after the runs were recorded.
    const catalog = await home.backend.catalog();
    await catalog.write((db) =>
      db
        .prepare(
          `UPDATE run SET pid = ?, started_at = '2020-01-01 00:00:00.000000000' WHERE status = 'Running'`,
        )
        .run(process.pid),
    );
    // A process that is being torn down shows no environment any more a moment before its locks are free.
    const states = async () =>
      (await listSandboxes(home.backend)).rows.map(({ status }) => status).toSorted();
    await expect.poll(states, { timeout: 5000 }).toEqual(['Crashed', 'Stopped']);
    for (const { name } of (await listSandboxes(home.backend)).rows) {
      await using sandbox = await here(() => Sandbox.start(name));
      expect((await sandbox.exec('true')).code).toBe(0);
      expect(existsSync(sandboxPaths(home.layout, name).agentSocket)).toBe(true);
    }
  }, 60_000);
});
