import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { activeRun, latestRun, sandboxByName } from '@microsandbox/db';
import { isProcessAlive } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeLauncher } from '../../test/fake-launcher.ts';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import type { LocalBackend } from '../backend/local-backend.ts';
import { runtimeLauncher } from '../backend/runtime-launcher.ts';
import type { SandboxBuilder } from '../builders/sandbox-builder.ts';
import type { ExecEvent } from '../exec/exec-event.ts';
import { Sandbox } from '../sandbox.ts';
import { forceRemoveSandbox } from './force-remove.ts';
import { sandboxPlace } from './sandbox-place.ts';

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

const builder = (name: string, backend: LocalBackend = home.backend): SandboxBuilder =>
  withBackend(backend, () => Sandbox.builder(name).image(home.disk));
const create = (name: string, configure = (b: SandboxBuilder) => b, backend = home.backend) =>
  withBackend(backend, () => configure(builder(name, backend)).create());
const get = (name: string) => withBackend(home.backend, () => Sandbox.get(name));
const list = () => withBackend(home.backend, () => Sandbox.list());
const query = <T>(read: Parameters<Awaited<ReturnType<LocalBackend['catalog']>>['read']>[0]) =>
  home.backend.catalog().then((catalog) => catalog.read(read) as Promise<T>);

describe('a sandbox from create to remove', () => {
  it('runs programs, stops, starts again and leaves nothing', async () => {
    const sandbox = await create('life');
    expect(sandbox.boot?.vmm.driver).toBe('qemu');
    expect(sandbox.boot).toMatchObject({ boot: 'cold', bootReason: 'a fake' });
    expect(sandbox.boot?.phasesMs).toMatchObject({ vmmSpawn: 3, kernel: 3, agentReady: 9 });

    const output = await sandbox.shell('echo out; echo err >&2; exit 7');
    expect([output.code, output.success, output.stdout(), output.stderr()]).toEqual([
      7,
      false,
      'out\n',
      'err\n',
    ]);
    expect((await get('life')).status).toBe('running');
    expect((await get('life')).activeConfigJson).toBe((await get('life')).configJson);

    await sandbox.stop();
    expect((await get('life')).status).toBe('stopped');
    expect((await get('life')).activeConfigJson).toBeNull();
    await sandbox.stop();

    const again = await withBackend(home.backend, () => Sandbox.start('life'));
    expect((await again.exec('echo', ['again'])).stdout()).toBe('again\n');
    // The log is written behind the output, not in front of it.
    await expect.poll(async () => (await again.logs()).map((entry) => entry.text())).toContain('again\n');
    await again.stop();

    await withBackend(home.backend, () => Sandbox.remove('life'));
    expect((await list()).sandboxes).toEqual([]);
    expect(await readdir(home.layout.sandboxesDir)).toEqual([]);
    expect(await readdir(`${home.layout.runDir}/sandboxes`)).toEqual([]);
    await expect(get('life')).rejects.toMatchObject({ code: 'sandboxNotFound' });
  });

  it('is run by the monitor that one start asks for', async () => {
    const wishes: unknown[] = [];
    const fake = fakeLauncher();
    const backend = home.otherBackend({
      ...fake,
      start: (request) => {
        wishes.push(request.wish);
        return fake.start(request);
      },
    });
    await (await create('wish', (b) => b.vmm('qemu').accel('tcg'), backend)).stop();
    await (await withBackend(backend, () => Sandbox.start('wish', { vmm: 'krun' }))).stop();
    expect(wishes).toMatchObject([{ vmm: 'qemu', accel: 'tcg' }, { vmm: 'krun' }]);
    expect(() => builder('other').vmm('xen' as never)).toThrow('unknown vmm: xen');
    await backend.close();
  });

  it('is refused before anything is made when that monitor cannot be had', async () => {
    const backend = home.otherBackend({ ...fakeLauncher(), chooseVmm: runtimeLauncher.chooseVmm });
    const absent = process.platform === 'darwin' ? 'kvm' : 'hvf';
    const creation = create('refused', (b) => b.image('registry.invalid/never:asked').accel(absent), backend);
    await expect(creation).rejects.toThrow(`accel: ${absent} cannot be had here`);
    await expect(get('refused')).rejects.toMatchObject({ code: 'sandboxNotFound' });
    expect(await readdir(home.layout.sandboxesDir).catch(() => [])).not.toContain('refused');
    await backend.close();
  });

  it('stops at the end of an `await using` scope, and is kept', async () => {
    {
      await using sandbox = await create('scoped');
      expect(sandbox.ownsLifecycle).toBe(true);
    }
    expect((await get('scoped')).status).toBe('stopped');
  });

  it('outlives a scope when it was detached', async () => {
    {
      await using sandbox = await create('free', (b) => b.detached(true));
      expect(sandbox.ownsLifecycle).toBe(false);
    }
    expect((await get('free')).status).toBe('running');
    const connected = await (await get('free')).connect();
    expect((await connected.exec('true')).code).toBe(0);
  });

  it('removes itself when it is ephemeral', async () => {
    const sandbox = await create('brief', (b) => b.ephemeral(true));
    await sandbox.stop();
    expect((await list()).sandboxes).toEqual([]);
    expect(existsSync((await sandboxPlace(home.backend, 'brief')).paths.dir)).toBe(false);
  });

  it('removes an ephemeral one that was killed', async () => {
    const sandbox = await create('brief', (b) => b.ephemeral(true));
    await sandbox.kill();
    expect((await list()).sandboxes).toEqual([]);
    expect(existsSync((await sandboxPlace(home.backend, 'brief')).paths.dir)).toBe(false);
  });

  it('tells how it ended to who owns it and to who watches', async () => {
    const sandbox = await create('watched');
    const handle = await get('watched');
    const [owned, watched] = await Promise.all([
      sandbox.waitUntilStopped(),
      handle.waitUntilStopped(),
      sandbox.requestStop(),
    ]);
    expect(owned).toMatchObject({
      status: 'stopped',
      exitCode: 0,
      signal: null,
      source: 'owned process wait',
    });
    expect(watched).toMatchObject({ status: 'stopped', exitCode: null, source: 'refreshed backend state' });
  });

  it('answers ping and touch only while it runs', async () => {
    const sandbox = await create('pinged');
    expect(await sandbox.ping()).toMatchObject({ name: 'pinged' });
    expect((await sandbox.touch()).activitySeq).toBe(1);
    expect((await (await get('pinged')).touch()).activitySeq).toBe(2);
    await sandbox.stop();
    await expect(sandbox.ping()).rejects.toMatchObject({
      code: 'sandboxNotRunning',
      message: "sandbox 'pinged' is not running (status: Stopped); cannot ping",
    });
    await expect(sandbox.exec('true')).rejects.toMatchObject({ code: 'sandboxNotRunning' });
    await expect((await get('pinged')).connect()).rejects.toMatchObject({ code: 'sandboxNotRunning' });
  });

  it('cannot be used after detach', async () => {
    const sandbox = await create('gone');
    await sandbox.detach();
    await sandbox.detach();
    await expect(sandbox.exec('true')).rejects.toThrow('Sandbox handle has been consumed');
    expect((await get('gone')).status).toBe('running');
  });
});

describe('programs', () => {
  it('read what they are given, and nothing by default', async () => {
    await using sandbox = await create('cat');
    expect((await sandbox.exec('cat')).stdout()).toBe('');
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
    const output = await sandbox.execWith('cat', (options) => options.stdinBytes(bytes));
    expect(Buffer.from(output.stdoutBytes()).equals(bytes)).toBe(true);
  });

  it('report piece by piece', async () => {
    await using sandbox = await create('stream');
    const handle = await sandbox.execStreamWith('sh', (options) =>
      options.args(['-c', 'read line; echo got $line; exit 3']).stdinPipe(),
    );
    const sink = await handle.takeStdin();
    expect(await handle.takeStdin()).toBeNull();
    await sink?.write('hello\n');
    await sink?.close();
    const events: ExecEvent[] = [];
    for await (const event of handle) events.push(event);
    expect(events[0]).toMatchObject({ kind: 'started' });
    expect(Buffer.from((events[1] as { data: Uint8Array }).data).toString()).toBe('got hello\n');
    expect(events.at(-1)).toEqual({ kind: 'exited', code: 3, signal: null });
    expect(await handle.recv()).toBeNull();
  });

  it('are killed at their time-out', async () => {
    await using sandbox = await create('slow');
    const started = Date.now();
    await expect(
      sandbox.execWith('sleep', (options) => options.arg('60').timeout(250)),
    ).rejects.toMatchObject({ code: 'execTimeout', message: 'exec timed out after 250ms', timeoutMs: 250 });
    expect(Date.now() - started).toBeLessThan(30_000);
  });

  it('that never ran say why', async () => {
    await using sandbox = await create('missing');
    await expect(sandbox.exec('/no/such/program')).rejects.toMatchObject({
      code: 'execFailed',
      failure: { kind: 'not_found', errnoName: 'ENOENT' },
    });
  });

  it('get the environment of the sandbox under their own', async () => {
    await using sandbox = await create('env', (b) =>
      b.envs({ A: 'sandbox', B: 'sandbox' }).cmd(['printenv', 'B']),
    );
    const output = await sandbox.execWith('sh', (options) =>
      options.args(['-c', 'echo $A $B']).env('A', 'own'),
    );
    expect(output.stdout()).toBe('own sandbox\n');
    expect((await sandbox.execDefault()).stdout()).toBe('sandbox\n');
  });

  it('reject when the sandbox dies, and it is found crashed and starts again', async () => {
    const sandbox = await create('victim');
    const pending = sandbox.exec('sleep', ['60']).catch((error: unknown) => error);
    const row = await query<{ id: number }>((db) => sandboxByName(db, 'victim'));
    const run = await query<{ pid: number }>((db) => activeRun(db, row.id));
    await new Promise((resolve) => setTimeout(resolve, 200));
    process.kill(run.pid, 'SIGKILL');
    expect(await pending).toMatchObject({ code: 'agentLost' });
    await expect.poll(async () => (await get('victim')).status).toBe('crashed');
    expect(await query((db) => latestRun(db, row.id))).toMatchObject({
      status: 'Terminated',
      termination_reason: 'InternalError',
    });
    await using again = await (await get('victim')).start();
    expect((await again.exec('true')).code).toBe(0);
  });

  it('report a missing default command', async () => {
    await using sandbox = await create('nocmd');
    await expect(sandbox.execDefault()).rejects.toMatchObject({ code: 'noDefaultCommand' });
  });
});

describe('a name that is taken', () => {
  it('is refused, by row and by folder', async () => {
    await using _first = await create('taken');
    const message =
      "sandbox already exists: sandbox 'taken' already exists; remove it, start the stopped sandbox, or recreate with .replace()";
    await expect(create('taken')).rejects.toMatchObject({ code: 'sandboxAlreadyExists', message });
    await mkdir(`${home.layout.sandboxesDir}/folder`, { recursive: true });
    await expect(create('folder')).rejects.toMatchObject({ code: 'sandboxAlreadyExists' });
  });

  it('is replaced on request, whatever ran there', async () => {
    const first = await create('swap', (b) => b.detached(true));
    const before = await query<{ id: number }>((db) => sandboxByName(db, 'swap'));
    const run = await query<{ pid: number }>((db) => activeRun(db, before.id));
    await using second = await create('swap', (b) => b.replace());
    expect(await isProcessAlive(run.pid)).toBe(false);
    expect((await query<{ id: number }>((db) => sandboxByName(db, 'swap'))).id).not.toBe(before.id);
    expect((await second.exec('true')).code).toBe(0);
    await expect(first.stop()).rejects.toMatchObject({ code: 'sandboxNotFound' });
  });

  it('goes to one of two creators at once', async () => {
    const other = home.otherBackend();
    const results = await Promise.allSettled([create('race'), create('race', (b) => b, other)]);
    const [lost] = results.filter((result) => result.status === 'rejected');
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    expect(lost?.reason).toMatchObject({ code: 'sandboxAlreadyExists' });
    await other.close();
  }, 30_000);
});

describe('a start', () => {
  it('needs a stopped sandbox', async () => {
    await using _sandbox = await create('up');
    await expect(withBackend(home.backend, () => Sandbox.start('up'))).rejects.toMatchObject({
      code: 'sandboxStillRunning',
      message: "sandbox still running: cannot start sandbox 'up': already running",
    });
    await expect(withBackend(home.backend, () => Sandbox.start('none'))).rejects.toMatchObject({
      code: 'sandboxNotFound',
      message: 'sandbox not found: none',
    });
  });

  it('that fails leaves the sandbox stopped, with its logs', async () => {
    const failing = home.otherBackend(fakeLauncher({ bootError: 'no way' }));
    await expect(create('dud', (b) => b, failing)).rejects.toMatchObject({
      code: 'bootStart',
      message: 'failed to start "dud": no way',
      consoleTail: ['last words'],
    });
    await failing.close();
    expect((await get('dud')).status).toBe('stopped');
    expect(existsSync((await sandboxPlace(home.backend, 'dud')).paths.logsDir)).toBe(true);
    await using sandbox = await (await get('dud')).start();
    expect((await sandbox.exec('true')).code).toBe(0);
  });
});

describe('removing', () => {
  it('needs a stopped sandbox', async () => {
    await using sandbox = await create('busy');
    await expect(withBackend(home.backend, () => Sandbox.remove('busy'))).rejects.toMatchObject({
      code: 'sandboxStillRunning',
      message: "sandbox still running: cannot remove sandbox 'busy': still running",
    });
    expect((await sandbox.exec('true')).code).toBe(0);
  });

  it('by force always works, and says what there was', async () => {
    await create('any', (b) => b.detached(true));
    expect(await forceRemoveSandbox(home.backend, 'any')).toEqual({
      killed: true,
      record: true,
      folder: true,
    });
    await mkdir(`${home.layout.sandboxesDir}/orphan`, { recursive: true });
    expect(await forceRemoveSandbox(home.backend, 'orphan')).toEqual({
      killed: false,
      record: false,
      folder: true,
    });
    await expect(forceRemoveSandbox(home.backend, 'orphan')).rejects.toMatchObject({
      code: 'sandboxNotFound',
    });
  });
});
