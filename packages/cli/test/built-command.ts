import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));

/** What a run of the command left. */
export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The command as users get it, bundled from the sources of now into a folder of its own inside this package, so that
 * its native dependencies resolve as they do after an installation.
 */
export class BuiltCommand implements Disposable {
  readonly #folder: string;
  readonly path: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'bin/msb');
  }

  static build(): BuiltCommand {
    mkdirSync(join(packageFolder, '.tmp'), { recursive: true });
    const folder = mkdtempSync(join(packageFolder, '.tmp/built-'));
    cpSync(join(packageFolder, 'bin'), join(folder, 'bin'), { recursive: true });
    const tsup = join(packageFolder, '../../node_modules/.bin/tsup');
    execFileSync(tsup, ['--out-dir', join(folder, 'dist'), '--silent'], {
      cwd: packageFolder,
      env: { ...process.env, PATH: `${process.execPath}/..:${process.env['PATH']}` },
      timeout: 120_000,
    });
    return new BuiltCommand(folder);
  }

  /** Runs it without a terminal. */
  run(
    args: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string; readonly input?: string } = {},
  ): Promise<CommandResult> {
    const child = spawn(process.execPath, [this.path, ...args], {
      env: { PATH: process.env['PATH'], ...options.env },
      cwd: options.cwd,
      timeout: 60_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    child.stdin.end(options.input ?? '');
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
