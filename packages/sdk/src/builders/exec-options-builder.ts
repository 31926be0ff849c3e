import { rlimit as rlimitOf } from '../config/rlimits.ts';
import type { Rlimit, RlimitResource } from '../values.ts';
import { Consumption } from './consumption.ts';

/** What a program reads. */
export type StdinOption =
  | { readonly kind: 'null' }
  | { readonly kind: 'pipe' }
  | { readonly kind: 'bytes'; readonly data: Uint8Array };

/** Settings of one program run. */
export interface ExecOptions {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds; honoured by calls that wait for the end. */
  readonly timeoutMs?: number;
  readonly stdin: StdinOption;
  readonly tty: boolean;
  readonly rlimits: readonly Rlimit[];
}

/** Settings of one program run; given to the callbacks of `execWith` and its kin. */
export class ExecOptionsBuilder {
  readonly #state = new Consumption('ExecOptionsBuilder');
  readonly #args: string[] = [];
  readonly #env: Record<string, string> = {};
  readonly #rlimits: Rlimit[] = [];
  #cwd: string | undefined;
  #user: string | undefined;
  #timeoutMs: number | undefined;
  #stdin: StdinOption = { kind: 'null' };
  #tty = false;

  /** Adds an argument. */
  arg(value: string): this {
    return this.args([value]);
  }

  /** Adds arguments. */
  args(values: readonly string[]): this {
    return this.#set(() => this.#args.push(...values));
  }

  /** Working directory in the guest. */
  cwd(path: string): this {
    return this.#set(() => {
      this.#cwd = path;
    });
  }

  /** User in the guest: name, uid, or uid:gid. */
  user(user: string): this {
    return this.#set(() => {
      this.#user = user;
    });
  }

  /** Adds a variable; it wins over the sandbox's. */
  env(key: string, value: string): this {
    return this.envs({ [key]: value });
  }

  /** Adds variables. */
  envs(variables: Readonly<Record<string, string>>): this {
    return this.#set(() => Object.assign(this.#env, variables));
  }

  /** Kills the program after so many milliseconds; the call rejects with `ExecTimeoutError`. */
  timeout(ms: number): this {
    return this.#set(() => {
      this.#timeoutMs = Math.max(0, Math.trunc(ms));
    });
  }

  /** The program reads end of file at once. The default. */
  stdinNull(): this {
    return this.#set(() => {
      this.#stdin = { kind: 'null' };
    });
  }

  /** The program reads what `ExecHandle.takeStdin()` writes. */
  stdinPipe(): this {
    return this.#set(() => {
      this.#stdin = { kind: 'pipe' };
    });
  }

  /** The program reads these bytes, then end of file. */
  stdinBytes(data: Uint8Array): this {
    return this.#set(() => {
      this.#stdin = { kind: 'bytes', data: Uint8Array.from(data) };
    });
  }

  /** Runs on a pseudo terminal; all output is then standard output. */
  tty(on: boolean): this {
    return this.#set(() => {
      this.#tty = on;
    });
  }

  /** Adds a resource limit. */
  rlimit(resource: RlimitResource, limit: number): this {
    return this.rlimitRange(resource, limit, limit);
  }

  /** Adds a resource limit with a soft and a hard value. */
  rlimitRange(resource: RlimitResource, soft: number, hard: number): this {
    return this.#set(() => this.#rlimits.push(rlimitOf(resource, soft, hard)));
  }

  /** What was set. Repeatable. */
  build(): ExecOptions {
    return {
      args: [...this.#args],
      ...(this.#cwd !== undefined && { cwd: this.#cwd }),
      ...(this.#user !== undefined && { user: this.#user }),
      env: { ...this.#env },
      ...(this.#timeoutMs !== undefined && { timeoutMs: this.#timeoutMs }),
      stdin: this.#stdin,
      tty: this.#tty,
      rlimits: [...this.#rlimits],
    };
  }

  /** @internal */
  take(): ExecOptions {
    this.#state.consume();
    return this.build();
  }

  #set(change: () => unknown): this {
    this.#state.assertOpen();
    change();
    return this;
  }
}
