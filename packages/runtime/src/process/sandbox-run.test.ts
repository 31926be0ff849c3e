import { closeSync, existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '@microsandbox/native';
import {
  AgentClient,
  encodeCbor,
  encodeEnvelope,
  encodeFrame,
  PROTOCOL_VERSION,
} from '@microsandbox/protocol';
import {
  type LaunchConfig,
  launchConfigSchema,
  MicrosandboxError,
  networkLogRecordSchema,
  type VmExit,
  type VmProcess,
} from '@microsandbox/types';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeGuest, type FakeGuestOptions } from '../../test-support/fake-guest.ts';
import { tempDir } from '../../test-support/temp-dir.ts';
import { deferred } from '../async/deferred.ts';
import { RotatingFile } from './journal/rotating-file.ts';
import { RuntimeLog } from './journal/runtime-log.ts';
import type { LaunchedMachine } from './launch-machine.ts';
import { PhaseClock } from './phase-clock.ts';
import { processPlaces } from './places.ts';
import { SandboxRun } from './sandbox-run.ts';
import type { StatusMessage } from './status-message.ts';

interface Settings {
  readonly guest?: FakeGuestOptions;
  readonly lifecycle?: LaunchConfig['lifecycle'];
  readonly startup?: LaunchConfig['startup'];
  readonly env?: NodeJS.ProcessEnv;
  readonly network?: unknown;
  /** The machine ends at once like this. */
  readonly exit?: VmExit;
  readonly console?: string;
  /** The machine does not even start. */
  readonly launchError?: Error;
  /** Called for a second machine. */
  readonly bootInstead?: () => Promise<LaunchedMachine>;
  /** PID 1 never runs. */
  readonly neverStarts?: boolean;
}

/** A run on a machine that is only a fake guest; what it would write into the catalog is collected. */
function setUp(settings: Settings = {}) {
  const home = tempDir();
  const sandbox = join(home, 'sandboxes', 'box');
  const launch = launchConfigSchema.parse({
    db_path: join(home, 'db', 'msb.db'),
    db_connect_timeout_secs: 5,
    log_dir: home,
    runtime_dir: join(sandbox, 'runtime'),
    sandboxes_dir: join(home, 'sandboxes'),
    run_dir: join(home, 'run'),
    cpu_lease_dir: '',
    writeback_lease_dir: '',
    cpu_placement: 'inherit',
    agent_sock: join(home, 'run', 'sandboxes', 'abc', 'agent.sock'),
    libkrunfw_path: '/k.so',
    startup: settings.startup ?? null,
    lifecycle: settings.lifecycle ?? { max_duration_secs: null, idle_timeout_secs: null },
    metrics: { sample_interval_ms: 1000, disabled: true },
    rootfs: { disk: '/root.vmdk', disk_format: 'vmdk', disk_readonly: true },
    mounts: [],
    disks: [],
    bootstrap: { hostname: 'box' },
    exec_args: [],
    network: settings.network ?? null,
    sandbox_slot: 1,
  });
  const places = processPlaces(launch, 'box');
  const guest = new FakeGuest(settings.guest);
  const exited = deferred<VmExit>();
  const launchFake = async (): Promise<LaunchedMachine> => {
    await mkdir(dirname(places.kernelLog), { recursive: true });
    await writeFile(places.kernelLog, settings.console ?? '');
    if (settings.exit) exited.resolve(settings.exit);
    const machine: VmProcess = {
      pid: 1,
      version: '0',
      ports: new Map([['agent', guest.hostPort]]),
      shareSockets: new Map(),
      ...(settings.network ? { networkSocket: frames() } : {}),
      guestStarted: settings.neverStarts ? new Promise(() => {}) : Promise.resolve(),
      exited: exited.promise,
      kill: () => {
        exited.resolve({ code: null, signal: 'SIGKILL', stderrTail: '' });
        guest.port.destroy();
      },
    };
    return {
      machine,
      choice: { driver: 'qemu', accelerator: 'kvm', reason: 'fake' } as const,
      boot: { kind: 'cold', reason: 'fake', wantsTemplate: false } as const,
      diskIds: ['root'],
      bootInstead: settings.bootInstead ?? null,
    };
  };
  const messages: StatusMessage[] = [];
  const recorded: unknown[] = [];
  const ready = deferred<void>();
  const log = new RuntimeLog(new RotatingFile(places.runtimeLog));
  onTestFinished(() => log.close());
  const run = new SandboxRun({
    launch,
    places,
    launched: settings.launchError ? Promise.reject(settings.launchError) : launchFake(),
    phases: new PhaseClock((phase, elapsedMs) => messages.push({ phase, elapsedMs })),
    record: {
      begin: async () => recorded.push('begin'),
      end: async (ending) => void recorded.push(ending),
      abandon: async () => void recorded.push('abandon'),
      removeIfEphemeral: async (folder) => void recorded.push(folder),
    },
    status: {
      send: (message) => {
        messages.push(message);
        if ('ready' in message) ready.resolve();
      },
    },
    log,
    cpus: 1,
    memoryMib: 256,
    env: { MSB_SHUTDOWN_FLUSH_TIMEOUT_MS: '300', ...settings.env },
  });
  return {
    run,
    guest,
    messages,
    recorded,
    places,
    sandbox,
    ready: ready.promise,
    endMachine: exited.resolve,
    launchFake,
  };
}

/** An interface whose guest never sends. */
function frames(): number {
  const [ours, theirs] = addon().socketPair();
  onTestFinished(() => closeSync(theirs));
  return ours;
}

const powerOff = (exit: (value: VmExit) => void): FakeGuestOptions => ({
  onMessage: (message) => {
    if (message.type === 'core.shutdown') exit({ code: 0, signal: null, stderrTail: '' });
  },
});

const SECRET = {
  env_var: 'KEY',
  value: 'real',
  placeholder: '$MSB_KEY',
  allowed_hosts: [{ exact: 'api.example.com' }],
};

describe('SandboxRun', () => {
  it('boots, serves a client, and ends when the client asks for it', async () => {
    const { run, guest, messages, recorded, places, sandbox, ready } = setUp();
    const code = run.run();
    await ready;
    expect(guest.received.slice(0, 2).map(({ type }) => type)).toEqual(['core.bootstrap', 'core.init.ack']);
    expect(guest.received[0]).toMatchObject({ id: 0, payload: { hostname: 'box' } });
    expect(messages.map((message) => ('phase' in message ? message.phase : Object.keys(message)[0]))).toEqual(
      ['kernel', 'agent', 'ready', 'ready'],
    );
    const client = await AgentClient.connect(places.legacyAgentSocket ?? '');
    expect((await client.request('core.ping', {})).type).toBe('core.pong');
    await client.send(0, 'core.shutdown', null);
    const started = performance.now();
    expect(await code).toBe(0);
    expect(performance.now() - started).toBeGreaterThan(250);
    expect(recorded).toEqual([
      'begin',
      { reason: 'ShutdownRequested', exitCode: 0, status: 'Stopped' },
      sandbox,
    ]);
    expect(existsSync(places.agentSocket)).toBe(false);
    expect(existsSync(places.legacyAgentSocket ?? '')).toBe(false);
    const log = (await readFile(places.execLog, 'utf8')).trimEnd().split('\n');
    expect(log.map((line) => JSON.parse(line).d)).toEqual([
      '--- sandbox started ---\n',
      '--- sandbox stopped ---\n',
    ]);
    await client.close();
  });

  it('tells the guest of its network and the placeholders of its secrets, and nobody the secrets', async () => {
    const ports = [{ host_port: 0, guest_port: 80 }];
    const setup = setUp({ network: { ports, secrets: { secrets: [SECRET] } } });
    const code = setup.run.run();
    await setup.ready;
    expect(setup.guest.received[0]?.payload).toMatchObject({
      host_alias: 'host.microsandbox.internal',
      network: { interface: 'eth0', mtu: 1500 },
      default_env: [{ key: 'KEY', value: '$MSB_KEY' }],
    });
    setup.endMachine({ code: 0, signal: null, stderrTail: '' });
    await code;
    const log = await readFile(setup.places.runtimeLog, 'utf8');
    expect(log).toMatch(/INFO port 127\.0\.0\.1:[1-9]\d* -> 80\/tcp/);
    expect(JSON.stringify(setup.messages) + log).not.toContain('real');
    const started = JSON.parse(await readFile(setup.places.networkLog, 'utf8'));
    expect(networkLogRecordSchema.parse(started)).toMatchObject({ type: 'started' });
    expect((await stat(setup.places.networkLog)).mode & 0o777).toBe(0o600);
  });

  it('does not boot when its network cannot be', async () => {
    const { run, messages } = setUp({ network: { max_connections: 5000 } });
    expect(await run.run()).toBe(1);
    expect(messages.at(-1)).toMatchObject({
      kind: 'network',
      error: {
        stage: 'network',
        message: 'initialize network: max_connections 5000 exceeds hard limit 4096',
      },
    });
  });

  it('can be changed over its control socket only when there is something to change', async () => {
    for (const [network, isThere] of [
      [null, false],
      [{ secrets: { secrets: [] } }, false],
      [{ secrets: { secrets: [SECRET] } }, true],
    ] as const) {
      const { run, places, ready, endMachine } = setUp({ network });
      const code = run.run();
      await ready;
      expect(existsSync(places.controlSocket)).toBe(isThere);
      expect(existsSync(places.legacyControlSocket ?? '')).toBe(isThere);
      endMachine({ code: 0, signal: null, stderrTail: '' });
      await code;
      expect(existsSync(dirname(places.controlSocket))).toBe(false);
    }
  });

  it('does not wait for the flush window when the guest ends by itself', async () => {
    const settings: { guest: FakeGuestOptions } = { guest: {} };
    const setup = setUp({
      ...settings,
      guest: powerOff((exit) => setup.endMachine(exit)),
      env: { MSB_SHUTDOWN_FLUSH_TIMEOUT_MS: '20000' },
    });
    const code = setup.run.run();
    await setup.ready;
    setup.run.end({ reason: 'Signal', exitCode: 0, manner: 'ask' });
    expect(await code).toBe(0);
    expect(setup.recorded[1]).toEqual({ reason: 'Signal', exitCode: 0, status: 'Stopped' });
  });

  it('calls a machine that was killed crashed, and drops its clients once that is recorded', async () => {
    const { run, recorded, places, ready, endMachine, guest } = setUp();
    const code = run.run();
    await ready;
    const client = await AgentClient.connect(places.agentSocket);
    const pending = client.request('core.exec.request', { cmd: 'sleep' }).then(
      () => null,
      (error: unknown) => ({ error, recordedBefore: recorded.length }),
    );
    await expect.poll(() => guest.received.at(-1)?.type).toBe('core.exec.request');
    endMachine({ code: null, signal: 'SIGKILL', stderrTail: '' });
    expect(await pending).toMatchObject({ error: { code: 'agentLost' }, recordedBefore: 2 });
    expect(await code).toBe(1);
    expect(recorded[1]).toEqual({ reason: 'InternalError', exitCode: null, status: 'Crashed' });
  });

  it('tells a guest that ended by itself from one that panicked', async () => {
    for (const [console, expected] of [
      ['', { reason: 'Completed', exitCode: 0, status: 'Stopped' }],
      ['[ 9.1] Kernel panic - not syncing: x\n', { reason: 'Failed', exitCode: 1, status: 'Crashed' }],
    ] as const) {
      const { run, recorded, ready, endMachine } = setUp({ console });
      const code = run.run();
      await ready;
      endMachine({ code: 0, signal: null, stderrTail: '' });
      await code;
      expect(recorded[1]).toEqual(expected);
    }
  });

  it('reports a guest that panics while booting, with its last words', async () => {
    const { run, messages, recorded, places } = setUp({
      guest: { stopBefore: 'resolved' },
      exit: { code: 0, signal: null, stderrTail: '' },
      console: 'line one\n\u001b[31magentd: init failed: failed to mount /dev/vda: no such device\u001b[0m\n',
    });
    expect(await run.run()).toBe(1);
    expect(messages.at(-1)).toMatchObject({
      kind: 'imageBroken',
      error: { stage: 'mount', errno: null },
      console: ['line one', 'agentd: init failed: failed to mount /dev/vda: no such device'],
    });
    expect(recorded).toEqual(['begin', 'abandon']);
    const file = JSON.parse(await readFile(places.bootErrorFile, 'utf8'));
    expect(Object.keys(file)).toEqual(['t', 'stage', 'errno', 'message']);
    expect(existsSync(places.agentSocket)).toBe(false);
  });

  it('tells an agent of another version from a silent one', async () => {
    const { run, guest, messages } = setUp({ guest: { stopBefore: 'resolved' } });
    const code = run.run();
    await expect.poll(() => guest.typesOf(0)).toContain('core.bootstrap');
    const payload = encodeCbor(new Map([['uid', 'root']]));
    const body = encodeEnvelope({ version: PROTOCOL_VERSION, type: 'core.init.resolved', payload });
    guest.sendRaw(encodeFrame({ id: 0, flags: 0, body }));
    expect(await code).toBe(1);
    expect(messages.at(-1)).toMatchObject({
      kind: 'agentVersion',
      error: { message: expect.stringContaining("the guest's agent speaks another protocol: ") },
      hint: expect.stringContaining('cache/initramfs'),
    });
  });

  it('writes down how the machine came to life', async () => {
    const { run, places, ready, endMachine } = setUp();
    const code = run.run();
    await ready;
    expect(JSON.parse(await readFile(places.bootRecordFile, 'utf8'))).toEqual({
      boot: 'cold',
      boot_reason: 'fake',
      vmm: 'qemu',
      vmm_version: '0',
      accel: 'kvm',
      accel_reason: 'fake',
      ports: [],
    });
    expect((await stat(places.bootRecordFile)).mode & 0o777).toBe(0o600);
    endMachine({ code: 0, signal: null, stderrTail: '' });
    expect(await code).toBe(0);
  });

  it('boots once more when the kernel restarted before its first process', async () => {
    const second = setUp();
    const { run, messages, ready } = setUp({
      neverStarts: true,
      exit: { code: 0, signal: null, stderrTail: '' },
      bootInstead: second.launchFake,
    });
    const code = run.run();
    await ready;
    expect(messages.at(-1)).toMatchObject({ ready: { boot: { kind: 'cold' } } });
    second.endMachine({ code: 0, signal: null, stderrTail: '' });
    expect(await code).toBe(0);
  });

  it('does not boot once more when the guest itself gave up', async () => {
    const { run } = setUp({
      guest: { stopBefore: 'resolved' },
      exit: { code: 0, signal: null, stderrTail: '' },
      bootInstead: () => Promise.reject(new Error('must not be called')),
    });
    expect(await run.run()).toBe(1);
  });

  it('reports a monitor that did not start', async () => {
    const launchError = new MicrosandboxError('vmmNotFound', 'no QEMU', { hint: 'install it' });
    const { run, messages, recorded } = setUp({ launchError });
    expect(await run.run()).toBe(1);
    expect(messages).toMatchObject([
      { kind: 'vmmMissing', hint: 'install it', error: { message: 'no QEMU' } },
    ]);
    expect(recorded).toEqual(['begin', 'abandon']);
  });

  it('gives up on a silent guest and says how long it waited', async () => {
    const { run, messages } = setUp({
      guest: { stopBefore: 'ready' },
      env: { MSB_BOOT_TIMEOUT_MS: '150' },
    });
    expect(await run.run()).toBe(1);
    expect(messages.at(-1)).toMatchObject({
      kind: 'agentSilent',
      error: { message: 'the guest agent did not answer within 0 s' },
    });
  });

  it('ends an idle sandbox, and not one that is used', async () => {
    const { run, recorded, ready, places, guest } = setUp({
      lifecycle: { max_duration_secs: null, idle_timeout_secs: 1 },
    });
    const code = run.run();
    await ready;
    for (let i = 1; i <= 5; i++) {
      guest.sendHeartbeat({ heartbeatSeq: i, activitySeq: i });
      await delay(400);
    }
    expect(recorded).toEqual(['begin']);
    expect(await code).toBe(0);
    expect(recorded[1]).toMatchObject({ reason: 'IdleTimeout', status: 'Stopped' });
    expect(JSON.parse(await readFile(places.heartbeat.path, 'utf8'))).toMatchObject({
      active_exec_sessions: 0,
    });
  });

  it('ends no sandbox whose guest is busy, is silent, or runs a command', async () => {
    const lifecycle = { max_duration_secs: null, idle_timeout_secs: 1 };
    const [busy, silent, used] = [setUp({ lifecycle }), setUp({ lifecycle }), setUp({ lifecycle })];
    const codes = [busy, silent, used].map(({ run }) => run.run());
    await Promise.all([busy.ready, silent.ready, used.ready]);
    busy.guest.sendHeartbeat({ heartbeatSeq: 1, activitySeq: 1, activeExecSessions: 1 });
    used.guest.sendHeartbeat({ heartbeatSeq: 1, activitySeq: 1 });
    const client = await AgentClient.connect(used.places.agentSocket);
    const command = client.request('core.exec.request', { cmd: 'sleep' }).catch(() => {});
    // Pings count for nothing, and neither does a report that repeats itself.
    const idle = setUp({ lifecycle });
    codes.push(idle.run.run());
    await idle.ready;
    const pinging = await AgentClient.connect(idle.places.agentSocket);
    for (let i = 1; i <= 20 && idle.recorded.length < 2; i++) {
      idle.guest.sendHeartbeat({ heartbeatSeq: i, activitySeq: 1 });
      await pinging.request('core.ping', {}).catch(() => {});
      await delay(400);
    }
    expect(idle.recorded[1]).toMatchObject({ reason: 'IdleTimeout' });
    for (const { recorded } of [busy, silent, used]) expect(recorded).toEqual(['begin']);
    for (const { endMachine } of [busy, silent, used]) endMachine({ code: 0, signal: null, stderrTail: '' });
    await Promise.all([...codes, command, client.close(), pinging.close()]);
  });

  it('ends a sandbox at its maximum duration without asking the guest', async () => {
    const { run, recorded, guest } = setUp({ lifecycle: { max_duration_secs: 1, idle_timeout_secs: null } });
    expect(await run.run()).toBe(0);
    expect(recorded[1]).toMatchObject({ reason: 'MaxDurationExceeded' });
    expect(guest.typesOf(0)).not.toContain('core.shutdown');
  });

  it.each([
    [0, { reason: 'Completed', exitCode: 0, status: 'Stopped' }],
    [3, { reason: 'Failed', exitCode: 1, status: 'Stopped' }],
  ])('ends with its startup command (exit code %i)', async (exitCode, expected) => {
    const { run, recorded, guest } = setUp({
      startup: { cmd: 'job', args: ['x'], env: ['A=b'], cwd: '/tmp', user: null },
      guest: {
        onMessage: (message, self) => {
          if (message.type === 'core.exec.request')
            self.send(message.id, 'core.exec.exited', { code: exitCode });
        },
      },
    });
    await run.run();
    expect(recorded[1]).toEqual(expected);
    const request = guest.received.find(({ type }) => type === 'core.exec.request');
    expect(request?.payload).toMatchObject({
      cmd: 'job',
      args: ['x'],
      env: ['A=b'],
      cwd: '/tmp',
      tty: false,
    });
  });

  it('can be ended while it boots', async () => {
    const { run, recorded } = setUp({ guest: { stopBefore: 'ready' } });
    const code = run.run();
    await delay(50);
    run.end({ reason: 'Signal', exitCode: 0, manner: 'ask' });
    await code;
    expect(recorded.at(-1)).toMatchObject({ reason: 'Signal', status: 'Stopped' });
  });
});
