import { join } from 'node:path';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, importSdk } from './support/consumer.ts';
import { noTerminal, Terminal } from './support/terminal.ts';

const { Sandbox } = await importSdk();
const program = join(consumer, 'node_modules/.bin/msb');
const WAIT = 'echo ready; while :; do sleep 0.1; done';

let made: BusyboxHome;
let box: SandboxType;
let terminal: Terminal;
let before: string;
beforeAll(async () => {
  made = await startBusyboxHome();
  box = await Sandbox.builder('box').image(made.reference).create();
});
afterAll(async () => {
  await box?.kill();
  await made[Symbol.asyncDispose]();
});
beforeEach(async () => {
  if (noTerminal !== null) return;
  terminal = await Terminal.open(made.home.env);
  onTestFinished(() => terminal[Symbol.asyncDispose]());
  before = await terminal.settings();
});

/** Starts `msb` with a shell line of the guest on the terminal. */
const msb = (...words: string[]) => terminal.start(program, ...words);
const exec = (script: string) => msb('exec', 'box', '--', 'sh', '-c', script);

/** Starts a program that stays, and waits until the terminal is its own. */
async function stay(): Promise<number> {
  exec(WAIT);
  const pid = await terminal.pid();
  await terminal.until(/^ready$/m);
  expect(await terminal.isRaw()).toBe(true);
  return pid;
}

async function expectRestored(): Promise<void> {
  await expect.poll(() => terminal.settings(), { timeout: 20_000 }).toBe(before);
  expect(await terminal.nonBlocking()).toEqual([]);
}

describe.skipIf(noTerminal)(`a terminal${noTerminal === null ? '' : ` (skipped: ${noTerminal})`}`, () => {
  it('is passed through: size, changes of it, keys, and the exit code', async () => {
    await terminal.resize(33, 101);
    exec(
      'stty size; trap "stty size" WINCH; trap "echo interrupted" INT; while [ -z "$x" ]; do read x; done; echo "got $x"; exit 7',
    );
    await terminal.until(/^33 101$/m);
    expect(await terminal.isRaw()).toBe(true);
    // A shell that waits for input acts on a signal at once.
    await terminal.resize(40, 120);
    await terminal.until(/^40 120$/m);
    terminal.type('\u0003');
    await terminal.until(/\^Cinterrupted$/m);
    terminal.type('word\n');
    await terminal.until(/^got word$/m);
    expect(await terminal.exitCode()).toBe(7);
    await expectRestored();
  });

  it.each([
    ['wezterm', 'wezterm'],
    ['dumb', 'xterm'],
    ['', 'xterm'],
  ])('names its kind: TERM=%j becomes %s', async (host, guest) => {
    terminal.start('env', `TERM=${host}`, program, 'exec', 'box', '--', 'sh', '-c', 'echo "is $TERM."');
    await terminal.until(new RegExp(`^is ${guest}\\.$`, 'm'));
    expect(await terminal.exitCode()).toBe(0);
  });

  it('takes the TERM that was asked for', async () => {
    msb('exec', '-e', 'TERM=vt52', 'box', '--', 'sh', '-c', 'echo "is $TERM."');
    await terminal.until(/^is vt52\.$/m);
  });

  it('is as it was after a program that does not exist', async () => {
    msb('exec', 'box', '--', 'no-such-program');
    expect(await terminal.exitCode()).toBe(127);
    await expectRestored();
  });

  it('is as it was after the detach keys; the program goes on', async () => {
    exec('echo ready; sleep 2; echo still > /detached; sleep 600');
    await terminal.until(/^ready$/m);
    terminal.type('\u001d');
    expect(await terminal.exitCode()).toBe(255);
    await expectRestored();
    const [session] = (await box.execSessions()).filter(({ detached }) => detached);
    await expect
      .poll(async () => (await box.shell('cat /detached')).stdout(), { timeout: 20_000 })
      .toBe('still\n');
    msb('exec', '--attach', String(session?.id), 'box');
    await expect.poll(() => terminal.isRaw(), { timeout: 20_000 }).toBe(true);
    terminal.type('\u0003');
    expect(await terminal.exitCode()).toBe(130);
    await expectRestored();
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('is as it was after %s', async (signal) => {
    process.kill(await stay(), signal);
    expect(await terminal.exitCode()).toBeGreaterThan(128);
    await expectRestored();
  });

  it('blocks for others also when msb was killed', async () => {
    process.kill(await stay(), 'SIGKILL');
    expect(await terminal.exitCode()).toBe(137);
    expect(await terminal.nonBlocking()).toEqual([]);
  });

  it('is the shell’s own while msb is stopped, and raw again when it goes on', async () => {
    process.kill(await stay(), 'SIGTSTP');
    await terminal.until(/Stopped/);
    await expectRestored();
    terminal.type('fg\n');
    await expect.poll(() => terminal.isRaw(), { timeout: 20_000 }).toBe(true);
    terminal.type('\u0003');
    await expect.poll(() => terminal.settings(), { timeout: 20_000 }).toBe(before);
    expect(await terminal.nonBlocking()).toEqual([]);
  });

  it('is as it was when the machine is lost', async () => {
    const doomed = await Sandbox.builder('doomed').image(made.reference).create();
    msb('exec', 'doomed', '--', 'sh', '-c', WAIT);
    await terminal.until(/^ready$/m);
    await doomed.kill();
    expect(await terminal.exitCode()).toBe(255);
    await expectRestored();
    await Sandbox.remove('doomed');
  });

  it('belongs to a command of `run` too', async () => {
    msb('run', '-it', made.reference, '--', 'sh', '-c', 'tty; stty size; read x; exit $x');
    await terminal.until(/\/dev\/pts\/\d+\n24 80\n/);
    expect(await terminal.isRaw()).toBe(true);
    terminal.type('9\n');
    expect(await terminal.exitCode()).toBe(9);
    await expectRestored();
  });

  it('is left by the keys that `run` was told, and the sandbox of `run` ends', async () => {
    msb('run', '--detach-keys', 'ctrl-p,q', '-n', 'left', made.reference, '--', 'sh', '-c', WAIT);
    // Progress may stand before it on the line.
    await terminal.until(/ready\n/);
    terminal.type('\u001d\u0010q');
    expect(await terminal.exitCode()).toBe(255);
    await expectRestored();
    expect((await Sandbox.get('left')).status).toBe('stopped');
    await Sandbox.remove('left');
  });
});
