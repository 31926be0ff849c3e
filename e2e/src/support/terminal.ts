import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import { findProgram, mustRun } from '@microsandbox/test-utils';
import { expect } from 'vitest';

const SLOWLY = { timeout: 60_000, interval: 20 };
const O_NONBLOCK = 0o4000;

/** Why no terminal can be had; null when one can. script(1) and stty(1) are part of every Debian. */
export const noTerminal: string | null =
  (await findProgram('script')) && (await findProgram('stty'))
    ? null
    : 'no script(1) and stty(1) to make a terminal with';

/** A pseudo terminal with a shell that has job control, as a person sits at it. */
export class Terminal implements AsyncDisposable {
  /** Everything shown so far, without control sequences. */
  shown = '';
  /** The terminal's device. */
  path = '';
  /** Process id of the shell. */
  shell = 0;
  readonly #script: ChildProcess;
  #commands = 0;

  private constructor(env: NodeJS.ProcessEnv) {
    // The shell must not read anybody's start-up files.
    this.#script = spawn('script', ['-qefc', 'exec sh -i', '/dev/null'], {
      env: { ...env, PS1: '', ENV: '', TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#script.stdout?.on('data', (chunk: Buffer) => {
      this.shown += stripVTControlCharacters(chunk.toString()).replaceAll('\r', '');
    });
  }

  static async open(env: NodeJS.ProcessEnv): Promise<Terminal> {
    const terminal = new Terminal(env);
    terminal.type('echo "shell=$$ tty=$(tty)."\n');
    const [, shell, path] = await terminal.until(/shell=(\d+) tty=(\S+)\.\n/);
    terminal.shell = Number(shell);
    terminal.path = path ?? '';
    await terminal.resize(24, 80);
    return terminal;
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys);
  }

  /** Waits until `pattern` is shown, and forgets everything up to its end. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    await expect.poll(() => this.shown, SLOWLY).toMatch(pattern);
    const found = pattern.exec(this.shown) as RegExpExecArray;
    this.shown = this.shown.slice(found.index + found[0].length);
    return found;
  }

  /** Types a command; its exit code is to be asked for with {@link exitCode}. `words` are quoted for the shell. */
  start(...words: readonly string[]): void {
    this.#commands += 1;
    const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    // Written in two pieces, so that the echo of the line is not taken for its output; `exec` keeps the process id.
    this.type(`sh -c 'echo "p""id=$$."; exec "$@"' sh ${quoted}; echo "e""nd-${this.#commands}=$?"\n`);
  }

  /** Process id of the command that was started last. */
  async pid(): Promise<number> {
    return Number((await this.until(/^pid=(\d+)\.$/m))[1]);
  }

  /** Exit code of the command that was started last, once it has ended. */
  async exitCode(): Promise<number> {
    return Number((await this.until(new RegExp(`end-${this.#commands}=(\\d+)\\n`)))[1]);
  }

  /** Sets the size, which the kernel tells the foreground processes with SIGWINCH. */
  async resize(rows: number, columns: number): Promise<void> {
    await mustRun('stty', ['-F', this.path, 'rows', String(rows), 'cols', String(columns)]);
  }

  /** All settings, in the form that stty(1) takes back. */
  async settings(): Promise<string> {
    return (await mustRun('stty', ['-F', this.path, '-g'])).stdout.toString().trim();
  }

  /** Whether keys reach the program one by one, without being shown, and what it writes is shown unchanged. */
  async isRaw(): Promise<boolean> {
    const all = (await mustRun('stty', ['-F', this.path, '-a'])).stdout.toString();
    return ['-icanon', '-echo ', '-opost'].every((setting) => all.includes(setting));
  }

  /** Which of the shell's standard descriptors do not block: reading the terminal would fail for it. */
  async nonBlocking(): Promise<number[]> {
    const flags = await Promise.all(
      [0, 1, 2].map(async (fd) => {
        const info = await readFile(`/proc/${this.shell}/fdinfo/${fd}`, 'utf8');
        return Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? '0', 8);
      }),
    );
    return [0, 1, 2].filter((fd) => ((flags[fd] ?? 0) & O_NONBLOCK) !== 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#script.exitCode !== null || this.#script.signalCode !== null) return;
    const ended = once(this.#script, 'close', { signal: AbortSignal.timeout(10_000) });
    // The shell of a terminal ends when its terminal hangs up.
    this.#script.kill('SIGKILL');
    await ended;
  }
}
