import { rlimit as rlimitOf } from '../config/rlimits.ts';
import type { Rlimit, RlimitResource } from '../values.ts';
import { Consumption } from './consumption.ts';

/** Settings of one attached program. */
export interface AttachOptions {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Keys that leave the program running, as `ctrl-]` or `ctrl-p,ctrl-q`. */
  readonly detachKeys?: string;
  readonly rlimits: readonly Rlimit[];
}

/** Settings of a program on this terminal; given to the callbacks of `attachWith` and its kin. */
export class AttachOptionsBuilder {
  readonly #state = new Consumption('AttachOptionsBuilder');
  readonly #args: string[] = [];
  readonly #env: Record<string, string> = {};
  readonly #rlimits: Rlimit[] = [];
  #cwd: string | undefined;
  #user: string | undefined;
  #detachKeys: string | undefined;

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

  /** Keys that leave the program running: comma-separated, each `ctrl-<c>` or one character. */
  detachKeys(spec: string): this {
    return this.#set(() => {
      this.#detachKeys = spec;
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
  build(): AttachOptions {
    return {
      args: [...this.#args],
      ...(this.#cwd !== undefined && { cwd: this.#cwd }),
      ...(this.#user !== undefined && { user: this.#user }),
      env: { ...this.#env },
      ...(this.#detachKeys !== undefined && { detachKeys: this.#detachKeys }),
      rlimits: [...this.#rlimits],
    };
  }

  /** @internal */
  take(): AttachOptions {
    this.#state.consume();
    return this.build();
  }

  #set(change: () => unknown): this {
    this.#state.assertOpen();
    change();
    return this;
  }
}
