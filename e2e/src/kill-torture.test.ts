import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mustRun, SeededRandom } from '@microsandbox/test-utils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, importSdk, msb } from './support/consumer.ts';
import { expectNoProcessOf, processesNaming } from './support/leftovers.ts';

const { Sandbox } = await importSdk();

/** Few in the ordinary run; `npm run torture` asks for 60. */
const ROUNDS = Number(process.env['MSB_TORTURE_ROUNDS'] ?? 10);
const SEED = Number(process.env['MSB_TORTURE_SEED'] ?? 20_261_124);
const MAX_DELAY_MS = 2500;
const OPERATIONS = ['create', 'start', 'stop', 'remove'] as const;
const VICTIMS = ['caller', 'sandbox process', 'monitor'] as const;

type Operation = (typeof OPERATIONS)[number];

let made: BusyboxHome;
beforeAll(async () => {
  made = await startBusyboxHome();
  // The image is there and the first template is made.
  await mustMsb(['create', '-q', '-n', 'first', made.reference]);
  await mustMsb(['rm', '-f', 'first']);
});
afterAll(() => made[Symbol.asyncDispose]());

const argumentsOf = (operation: Operation, name: string): string[] =>
  ({
    create: ['create', '-q', '-n', name, made.reference],
    start: ['start', name],
    stop: ['stop', name],
    remove: ['rm', name],
  })[operation];

async function mustMsb(args: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await msb(args, { env: made.home.env });
  if (code !== 0) throw new Error(`msb ${args.join(' ')} exited with ${code}: ${stderr}`);
  return stdout.toString();
}

async function prepare(operation: Operation, name: string): Promise<void> {
  if (operation === 'create') return;
  await mustMsb(argumentsOf('create', name));
  if (operation !== 'stop') await mustMsb(argumentsOf('stop', name));
}

/** The monitor names the sandbox's disk, its parent is the sandbox process. */
async function pidOf(victim: 'sandbox process' | 'monitor', name: string): Promise<number | undefined> {
  const [monitor] = await processesNaming(`${made.home.path}/sandboxes/${name}/upper.ext4`);
  if (monitor === undefined || victim === 'monitor') return monitor;
  const status = await readFile(`/proc/${monitor}/status`, 'latin1').catch(() => '');
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  return parent > 1 ? parent : undefined;
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Carries the operation out again; what the killed one had finished already counts as success. */
async function again(operation: Operation, name: string): Promise<void> {
  const sandbox = await Sandbox.get(name).catch(() => null);
  if (operation === 'remove' && sandbox === null) return;
  if (operation === 'start' && sandbox?.status === 'running') return;
  if (operation === 'create' && sandbox !== null) {
    await mustMsb([...argumentsOf('create', name), '--replace']);
  } else {
    await mustMsb(argumentsOf(operation, name));
  }
}

/** Whoever is called running takes commands; nobody else has a process. */
async function expectTheTruth(name: string): Promise<void> {
  await expect
    .poll(
      async () => {
        const listed = JSON.parse(await mustMsb(['ls', '--format', 'json'])) as {
          name: string;
          status: string;
        }[];
        const status = listed.find((row) => row.name === name)?.status ?? 'gone';
        const alive = (await pidOf('monitor', name)) !== undefined;
        return alive === (status === 'Running' || status === 'Draining')
          ? 'true'
          : `${status}, alive ${alive}`;
      },
      { timeout: 20_000, interval: 200 },
    )
    .toBe('true');
}

it(`${ROUNDS} kills at random moments leave nothing stuck (seed ${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  for (let round = 0; round < ROUNDS; round += 1) {
    const name = `kill${round}`;
    const [operation, victim, delayMs] = [
      random.pick(OPERATIONS),
      random.pick(VICTIMS),
      random.fraction() * MAX_DELAY_MS,
    ];
    const what = `round ${round}: ${operation}, ${victim} after ${delayMs.toFixed(0)} ms`;
    try {
      await prepare(operation, name);
      const caller = spawnMsb(argumentsOf(operation, name));
      const closed = once(caller, 'close');
      await delay(delayMs);
      kill(victim === 'caller' ? caller.pid : await pidOf(victim, name));
      await closed;
      await expectTheTruth(name);
      await again(operation, name);
      await expectTheTruth(name);
      if ((await Sandbox.get(name).catch(() => null)) !== null) await mustMsb(['rm', '-f', name]);
    } catch (error) {
      throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
    }
  }
  expect(await mustMsb(['ls', '-q'])).toBe('');
  expect(await readdir(join(made.home.path, 'sandboxes'))).toEqual([]);
  expect(await readdir(join(made.home.path, 'run/sandboxes'))).toEqual([]);
  await expectNoProcessOf(made.home.path);
}, 1_800_000);

/** What SQLite says of the catalog. */
async function integrityOf(home: string): Promise<string> {
  const { default: Database } = await import(
    createRequire(join(consumer, 'package.json')).resolve('better-sqlite3')
  );
  const db = new Database(join(home, 'db/msb.db'), { readonly: true });
  try {
    return db.pragma('integrity_check', { simple: true });
  } finally {
    db.close();
  }
}

it('6 processes create at once, and nothing is lost', async () => {
  const names = Array.from({ length: 6 }, (_, index) => `once${index}`);
  const created = await Promise.all(
    names.map((name) => msb(argumentsOf('create', name), { env: made.home.env })),
  );
  expect(created.map(({ code, stderr }) => [code, stderr])).toEqual(names.map(() => [0, '']));
  const listed = JSON.parse(await mustMsb(['ls', '--format', 'json'])) as { name: string; status: string }[];
  expect(listed.map(({ name, status }) => `${name} ${status}`).sort()).toEqual(
    names.map((name) => `${name} Running`),
  );
  const answers = await Promise.all(names.map((name) => mustMsb(['exec', name, '--', 'hostname'])));
  expect(answers).toEqual(names.map((name) => `${name}\n`));
  const removed = await Promise.all(names.map((name) => msb(['rm', '-f', name], { env: made.home.env })));
  expect(removed.map(({ code }) => code)).toEqual(names.map(() => 0));
  const said = [...created, ...removed].map(({ stdout, stderr }) => `${stdout}${stderr}`).join('');
  expect(said).not.toMatch(/SQLITE_BUSY|database is locked/);
  expect(await integrityOf(made.home.path)).toBe('ok');
});

it('what was synced outlives a killed monitor, and a disk is clean after every stop', async () => {
  const upper = join(made.home.path, 'sandboxes/synced/upper.ext4');
  let sandbox = await Sandbox.builder('synced').image(made.reference).create();
  for (let round = 0; round < 3; round += 1) {
    const script = `echo ${round} > /root/${round}; sync; dd if=/dev/zero of=/root/unsynced bs=1M count=8`;
    expect((await sandbox.shell(script)).code).toBe(0);
    kill(await pidOf('monitor', 'synced'));
    await expect.poll(async () => (await Sandbox.get('synced')).status, { timeout: 10_000 }).toBe('crashed');
    sandbox = await Sandbox.start('synced');
    expect((await sandbox.shell(`cat /root/${round}`)).stdout()).toBe(`${round}\n`);
    await sandbox.shell('dd if=/dev/urandom of=/root/late bs=1M count=4');
    await sandbox.stop();
    await mustRun('/usr/sbin/e2fsck', ['-fn', upper]);
    sandbox = await Sandbox.start('synced');
  }
  await mustMsb(['rm', '-f', 'synced']);
});

function spawnMsb(args: readonly string[]): ChildProcess {
  const program = join(consumer, 'node_modules/@microsandbox/cli/bin/msb');
  return spawn(process.execPath, [program, ...args], { env: made.home.env, stdio: 'ignore' });
}
