import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { referenceMsb, runReference } from '@microsandbox/test-utils';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';
import { noTerminal, Terminal } from './support/terminal.ts';

const { Sandbox } = await importSdk();
const program = referenceMsb();

/** The reference implementation's own client on a sandbox of ours: same catalog, same sockets, same frames. */
describe.skipIf(program === null)(
  `the reference's client${program === null ? ' (skipped: its package is not installed)' : ''}`,
  () => {
    let made: BusyboxHome;
    let box: SandboxType;
    let folder: string;
    beforeAll(async () => {
      made = await startBusyboxHome();
      box = await Sandbox.builder('box').image(made.reference).create();
      folder = await mkdtemp(join(tmpdir(), 'msb-reference-'));
    });
    afterAll(async () => {
      await rm(folder, { recursive: true, force: true });
      await box?.kill();
      await made[Symbol.asyncDispose]();
    });

    const theirs = (args: readonly string[], input?: string | Uint8Array) =>
      runReference(program ?? '', made.home.path, args, input === undefined ? {} : { input });

    it('runs commands: streams, exit codes, a terminal of the guest', async () => {
      const outcome = await theirs(['exec', 'box', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
      expect(outcome).toMatchObject({ code: 7, stdout: 'out\n', stderr: 'err\n' });
      const missing = await theirs(['exec', 'box', '--', 'no-such-program']);
      expect(missing.code).toBe(127);
      expect(missing.stderr).toContain('No such file or directory (os error 2) (ENOENT)');
      const tty = await theirs(['exec', '-t', 'box', '--', 'tty'], '');
      expect(tty).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\/dev\/pts\/\d+\r\n$/) });
    });

    it.each([['buffered'], ['streamed', '--stream']])('passes input on, %s', async (_how, ...flags) => {
      // More than one frame, and than one pipe holds.
      const input = '0123456789abcdef'.repeat(1 << 16);
      const outcome = await theirs(['exec', ...flags, 'box', '--', 'cat'], input);
      expect(outcome.code).toBe(0);
      expect(outcome.stdout === input).toBe(true);
    });

    it('copies files, pings, and reads the log', async () => {
      const content = Buffer.alloc(3 << 20, 'file');
      await writeFile(join(folder, 'there'), content);
      expect((await theirs(['copy', join(folder, 'there'), 'box:/copied'])).code).toBe(0);
      expect((await theirs(['copy', 'box:/copied', join(folder, 'back')])).code).toBe(0);
      expect((await readFile(join(folder, 'back'))).equals(content)).toBe(true);
      expect((await theirs(['ping', 'box'])).code).toBe(0);
      await box.shell('echo a line of ours');
      expect((await theirs(['logs', 'box'])).stdout).toContain('a line of ours\n');
    });

    it.skipIf(noTerminal)('attaches a terminal', async () => {
      await using terminal = await Terminal.open({ ...process.env, MSB_HOME: made.home.path });
      await terminal.resize(30, 90);
      terminal.start(
        program ?? '',
        'exec',
        'box',
        '--',
        'sh',
        '-c',
        'stty size; read x; echo "got $x"; exit 5',
      );
      await terminal.until(/^30 90$/m);
      terminal.type('word\n');
      await terminal.until(/^got word$/m);
      expect(await terminal.exitCode()).toBe(5);
    });
  },
);
