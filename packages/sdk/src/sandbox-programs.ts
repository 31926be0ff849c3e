import { AttachOptionsBuilder } from './builders/attach-options-builder.ts';
import { configured } from './builders/configure.ts';
import { ExecOptionsBuilder } from './builders/exec-options-builder.ts';
import { defaultArgv } from './config/argv.ts';
import type { ExecHandle } from './exec/exec-handle.ts';
import type { ExecOutput } from './exec/exec-output.ts';
import { attachSession, attachSessionTerminal, type ExecSession, listSessions } from './exec/exec-session.ts';
import { attachProgram, type ProgramHost, runProgram, streamProgram } from './exec/run-program.ts';

type Exec = (builder: ExecOptionsBuilder) => ExecOptionsBuilder;
type Attach = (builder: AttachOptionsBuilder) => AttachOptionsBuilder;

const DEFAULT_SHELL = '/bin/sh';

/** The programs of a running sandbox: the part of {@link Sandbox} that starts them, and attaches terminals to them. */
export abstract class SandboxPrograms {
  /**
   * Where programs run.
   *
   * @throws Error when the object cannot be used any more
   * @internal
   */
  protected abstract host(): ProgramHost;

  /** Runs a program to its end. A non-zero exit code is a result, not an error. */
  async exec(cmd: string, args: Iterable<string> = []): Promise<ExecOutput> {
    return this.execWith(cmd, (options) => options.args(Array.from(args)));
  }

  /** Runs a program to its end, with more settings. */
  async execWith(cmd: string, configure: Exec): Promise<ExecOutput> {
    return runProgram(this.host(), [cmd], execOptions(configure));
  }

  /** Starts a program whose output comes piece by piece. */
  async execStream(cmd: string, args: Iterable<string> = []): Promise<ExecHandle> {
    return this.execStreamWith(cmd, (options) => options.args(Array.from(args)));
  }

  /** Starts a program whose output comes piece by piece, with more settings. */
  async execStreamWith(cmd: string, configure: Exec): Promise<ExecHandle> {
    return streamProgram(this.host(), [cmd], execOptions(configure));
  }

  /** Runs the sandbox's entrypoint and command to its end. */
  async execDefault(): Promise<ExecOutput> {
    return this.execDefaultWith((options) => options);
  }

  /** Runs the sandbox's entrypoint and command with more arguments and settings. */
  async execDefaultWith(configure: Exec): Promise<ExecOutput> {
    return runProgram(this.host(), this.#argv, execOptions(configure));
  }

  /** Starts the sandbox's entrypoint and command. */
  async execDefaultStream(): Promise<ExecHandle> {
    return this.execDefaultStreamWith((options) => options);
  }

  /** Starts the sandbox's entrypoint and command with more arguments and settings. */
  async execDefaultStreamWith(configure: Exec): Promise<ExecHandle> {
    return streamProgram(this.host(), this.#argv, execOptions(configure));
  }

  /** Runs a line of the sandbox's shell to its end. */
  async shell(script: string): Promise<ExecOutput> {
    return this.exec(this.#shell, ['-c', script]);
  }

  /** Starts a line of the sandbox's shell. */
  async shellStream(script: string): Promise<ExecHandle> {
    return this.execStream(this.#shell, ['-c', script]);
  }

  /** Runs a program on this terminal. Resolves to its exit code, or -1 after the detach keys. */
  async attach(cmd: string, args: Iterable<string> = []): Promise<number> {
    return this.attachWith(cmd, (options) => options.args(Array.from(args)));
  }

  /** Runs a program on this terminal, with more settings. */
  async attachWith(cmd: string, configure: Attach): Promise<number> {
    return attachProgram(this.host(), [cmd], attachOptions(configure));
  }

  /** Runs the sandbox's entrypoint and command on this terminal. */
  async attachDefault(): Promise<number> {
    return this.attachDefaultWith((options) => options);
  }

  /** Runs the sandbox's entrypoint and command on this terminal, with more arguments and settings. */
  async attachDefaultWith(configure: Attach): Promise<number> {
    return attachProgram(this.host(), this.#argv, attachOptions(configure));
  }

  /** Runs the sandbox's shell on this terminal. */
  async attachShell(): Promise<number> {
    return this.attach(this.#shell);
  }

  /** Programs under way, and detached ones that ended lately. */
  async execSessions(): Promise<ExecSession[]> {
    return listSessions(this.host().place);
  }

  /**
   * Continues a program that was let go with `ExecHandle.detach()`: the last 256 KiB that it wrote since then
   * (the log has it all), and all that comes. Its standard input can be taken.
   */
  async attachSession(id: number): Promise<ExecHandle> {
    return attachSession(this.host().place, id);
  }

  /** Continues a detached program on this terminal. Resolves to its exit code, or -1 after the detach keys. */
  async attachSessionTerminal(id: number, detachKeys?: string): Promise<number> {
    return attachSessionTerminal(this.host().place, id, detachKeys);
  }

  get #argv(): [string, ...string[]] {
    return defaultArgv(this.host().config);
  }

  get #shell(): string {
    return this.host().config.runtime.shell ?? DEFAULT_SHELL;
  }
}

function execOptions(configure: Exec): ReturnType<ExecOptionsBuilder['take']> {
  return configured(new ExecOptionsBuilder(), configure, ExecOptionsBuilder).take();
}

function attachOptions(configure: Attach): ReturnType<AttachOptionsBuilder['take']> {
  return configured(new AttachOptionsBuilder(), configure, AttachOptionsBuilder).take();
}
