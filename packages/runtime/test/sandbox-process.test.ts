import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { AgentClient } from '@microsandbox/protocol';
import { BootStartError } from '@microsandbox/types';
import { acquireFileLock, isProcessAlive, tryFileLock } from '@microsandbox/utils';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missingForVms } from '../test-support/missing-for-vms.ts';
import { tempDir } from '../test-support/temp-dir.ts';
import { TestHome } from '../test-support/test-home.ts';

const lacking = missingForVms();
const title = `the sandbox process with a real machine${lacking ? ` (skipped: ${lacking})` : ''}`;

/** Runs a command in the guest. */
async function exec(client: AgentClient, script: string) {
  const stream = await client.stream('core.exec.request', { cmd: '/bin/sh', args: ['-c', script] });
  let stdout = '';
  let stderr = '';
  for await (const message of stream) {
    if (message.type === 'core.exec.stdout') stdout += message.payload.data.toString();
    if (message.type === 'core.exec.stderr') stderr += message.payload.data.toString();
    if (message.type === 'core.exec.exited') return { code: message.payload.code, stdout, stderr };
    if (message.type === 'core.exec.failed') throw new Error(message.payload.message);
  }
  throw new Error('the stream ended early');
}

/** Pid of the machine monitor below a sandbox process. */
function monitorOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}

async function start(...args: Parameters<TestHome['start']>) {
  const home = await TestHome.create(tempDir());
  const sandbox = await home.start(...args);
  onTestFinished(() => {
    try {
      process.kill(sandbox.pid, 'SIGKILL');
    } catch {}
  });
  return { home, sandbox };
}

describe.skipIf(lacking !== null)(title, { timeout: 60_000 }, () => {
  it('boots, runs commands, keeps its disk across a restart, and stops cleanly', async () => {
    const phases: string[] = [];
    const { home, sandbox } = await start({ onPhase: ({ phase }) => phases.push(phase) });
    expect(phases).toEqual(['spawn', 'vmm', 'kernel', 'agent', 'ready']);
    expect(sandbox.boot.vmm).toMatchObject({ driver: 'qemu', version: expect.stringMatching(/^\d+\.\d+/) });
    expect(await home.rows()).toMatchObject({
      sandbox: { status: 'Running' },
      run: { status: 'Running', pid: sandbox.pid },
    });
    expect(await tryFileLock(home.paths.lifecycleLock)).toBeNull();

    const client = await AgentClient.connect(home.paths.agentSocket);
    const first = await exec(client, 'uname -s; echo kept > /root/file; echo oops >&2; exit 7');
    expect(first).toEqual({ code: 7, stdout: 'Linux\n', stderr: 'oops\n' });
    expect(await exec(client, 'cat /proc/cmdline')).toMatchObject({
      stdout: expect.not.stringContaining('box'),
    });
    await client.send(0, 'core.shutdown', null);
    expect(await sandbox.wait()).toEqual({ code: 0, signal: null });
    await client.close();
    expect(await home.rows()).toMatchObject({
      sandbox: { status: 'Stopped' },
      run: { status: 'Terminated', termination_reason: 'ShutdownRequested', exit_code: 0 },
    });
    execFileSync('/usr/sbin/e2fsck', ['-fn', home.launch.rootfs.upper ?? ''], { stdio: 'pipe' });
    expect(existsSync(home.paths.socketDir)).toBe(false);

    const again = await home.start();
    const second = await AgentClient.connect(home.paths.agentSocket);
    expect((await exec(second, 'cat /root/file')).stdout).toBe('kept\n');
    await second.close();
    again.abandon();
    expect(await again.wait()).toEqual({ code: 0, signal: null });
    expect((await home.rows()).run?.termination_reason).toBe('Signal');
    const log = readFileSync(home.paths.execLog, 'utf8');
    expect(log.match(/--- sandbox (started|stopped) ---/g)).toHaveLength(4);
  });

  it('notices at once that its monitor was killed, and the sandbox can be started again', async () => {
    const { home, sandbox } = await start();
    const client = await AgentClient.connect(home.paths.agentSocket);
    const pending = exec(client, 'sleep 60').catch((error: unknown) => error);
    await expect.poll(async () => (await exec(client, 'echo up')).stdout).toBe('up\n');
    const killed = performance.now();
    process.kill(monitorOf(sandbox.pid), 'SIGKILL');
    expect(await pending).toMatchObject({ code: 'agentLost' });
    expect(await sandbox.wait()).toEqual({ code: 1, signal: null });
    expect(performance.now() - killed).toBeLessThan(10_000);
    expect(await home.rows()).toMatchObject({
      sandbox: { status: 'Crashed', active_config: null },
      run: { termination_reason: 'InternalError' },
    });
    const again = await home.start();
    again.abandon();
    expect((await again.wait()).code).toBe(0);
  });

  it('takes its machine with it when it is killed itself', async () => {
    const { home, sandbox } = await start();
    const monitor = monitorOf(sandbox.pid);
    expect(await isProcessAlive(monitor)).toBe(true);
    process.kill(sandbox.pid, 'SIGKILL');
    expect(await sandbox.wait()).toEqual({ code: null, signal: 'SIGKILL' });
    await expect.poll(() => isProcessAlive(monitor), { timeout: 2000 }).toBe(false);
    const lock = await tryFileLock(home.paths.lifecycleLock);
    expect(lock).not.toBeNull();
    await lock?.release();
  });

  it('survives its starter when detached, and ends at SIGTERM', async () => {
    const { home, sandbox } = await start({ mode: 'detached' });
    sandbox.detach();
    process.kill(sandbox.pid, 'SIGHUP');
    const client = await AgentClient.connect(home.paths.agentSocket);
    expect((await exec(client, 'echo alive')).stdout).toBe('alive\n');
    await client.close();
    process.kill(sandbox.pid, 'SIGTERM');
    expect(await sandbox.wait()).toEqual({ code: 0, signal: null });
    expect((await home.rows()).run?.termination_reason).toBe('Completed');
  });

  it('removes an ephemeral sandbox when it ends', async () => {
    const home = await TestHome.create(tempDir(), { ephemeral: true });
    const sandbox = await home.start();
    sandbox.abandon();
    await sandbox.wait();
    expect((await home.rows()).sandbox).toBeNull();
    expect(existsSync(home.paths.dir)).toBe(false);
  });

  it('explains a root disk that is no file system, with the guest’s own words', async () => {
    const home = await TestHome.create(tempDir());
    writeFileSync(home.launch.rootfs.disk ?? '', Buffer.alloc(1024 * 1024));
    const error = await home.start().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BootStartError);
    const { message, record, consoleTail } = error as BootStartError;
    expect(message).toMatch(/^failed to start "box": mount of the image failed: .*lower.*\(os error 22\)/);
    expect(record).toMatchObject({ stage: 'mount', errno: 22 });
    expect(consoleTail.join('\n')).toContain('agentd:');
    expect(JSON.parse(readFileSync(home.paths.bootErrorFile, 'utf8'))).toEqual(record);
    expect((await home.rows()).run).toMatchObject({
      status: 'Terminated',
      termination_reason: 'InternalError',
    });
  });

  it('explains a disk that is missing, in the monitor’s words', async () => {
    const home = await TestHome.create(tempDir());
    const launch = { ...home.launch, rootfs: { ...home.launch.rootfs, disk: '/nonexistent/disk' } };
    await expect(home.start({ launch })).rejects.toMatchObject({
      code: 'bootStart',
      record: {
        stage: 'image',
        message: expect.stringMatching(/^build VM: Could not open '\/nonexistent\/disk': No such file/),
      },
    });
  });

  it('is ended by an abort, with everything below it', async () => {
    const home = await TestHome.create(tempDir());
    const abort = new AbortController();
    const starting = home.start({
      signal: abort.signal,
      onPhase: ({ phase }) => phase === 'vmm' && abort.abort(new Error('changed my mind')),
    });
    await expect(starting).rejects.toThrow('changed my mind');
    await (await acquireFileLock(home.paths.lifecycleLock, { timeoutMs: 2000 })).release();
    const running = await promisify(execFile)('pgrep', ['-f', home.paths.dir]).catch(() => null);
    expect(running).toBeNull();
  });

  it('ends in order when the program that owns it is killed', async () => {
    const home = await TestHome.create(tempDir());
    const owner = spawn(process.execPath, ['--conditions=@microsandbox/source', '-e', OWNER], {
      env: { ...process.env, TEST_LAUNCH: JSON.stringify({ launch: home.launch, id: home.sandboxId }) },
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = await once(owner.stdout, 'data');
    owner.kill('SIGKILL');
    await expect.poll(() => isProcessAlive(Number(pid)), { timeout: 10_000 }).toBe(false);
    expect(await home.rows()).toMatchObject({
      sandbox: { status: 'Stopped' },
      run: { termination_reason: 'Signal' },
    });
    execFileSync('/usr/sbin/e2fsck', ['-fn', home.launch.rootfs.upper ?? ''], { stdio: 'pipe' });
  });
});

/** Starts an attached sandbox and stays. */
const OWNER = `
  import('../src/start/start-sandbox-process.ts').then(async ({ startSandboxProcess }) => {
    const { DEFAULT_HOST_CONFIG } = await import('@microsandbox/utils');
    const { openSync } = await import('node:fs');
    const { launch, id } = JSON.parse(process.env.TEST_LAUNCH);
    const sandbox = await startSandboxProcess({ launch, name: 'box', sandboxId: id, vcpus: 1, memoryMib: 256,
      mode: 'attached', lifecycleLockFd: openSync('/dev/null'), config: DEFAULT_HOST_CONFIG });
    process.stdout.write(String(sandbox.pid));
    setInterval(() => {}, 1000);
  });
`;
