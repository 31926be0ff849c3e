import { rlimit as rlimitOf } from '../config/rlimits.ts';
import type { Rlimit, RlimitResource } from '../values.ts';
import { Consumption } from './consumption.ts';

/** Settings that every program has, however it is run. */
export interface ProgramOptions {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly rlimits: readonly Rlimit[];
}

/** What the builders of exec and attach options have in common. */
export abstract class ProgramOptionsBuilder<Options extends ProgramOptions> {
  readonly #state: Consumption;
  readonly #args: string[] = [];
  readonly #env: Record<string, string> = {};
  readonly #rlimits: Rlimit[] = [];
  #cwd: string | undefined;
  #user: string | undefined;

  /** @param name of the class, for messages */
  protected constructor(name: string) {
    this.#state = new Consumption(name);
  }

  /** Adds an argument. */
  arg(value: string): this {
    return this.args([value]);
  }

  /** Adds arguments. */
  args(values: readonly string[]): this {
    return this.set(() => this.#args.push(...values));
  }

  /** Working directory in the guest. */
  cwd(path: string): this {
    return this.set(() => {
      this.#cwd = path;
    });
  }

  /** User in the guest: name, uid, or uid:gid. */
  user(user: string): this {
    return this.set(() => {
      this.#user = user;
    });
  }

  /** Adds a variable; it wins over the sandbox's. */
  env(key: string, value: string): this {
    return this.envs({ [key]: value });
  }

  /** Adds variables. */
  envs(variables: Readonly<Record<string, string>>): this {
    return this.set(() => Object.assign(this.#env, variables));
  }

  /** Adds a resource limit. */
  rlimit(resource: RlimitResource, limit: number): this {
    return this.rlimitRange(resource, limit, limit);
  }

  /** Adds a resource limit with a soft and a hard value. */
  rlimitRange(resource: RlimitResource, soft: number, hard: number): this {
    return this.set(() => this.#rlimits.push(rlimitOf(resource, soft, hard)));
  }

  /** What was set. Repeatable. */
  abstract build(): Options;

  /** @internal */
  take(): Options {
    this.#state.consume();
    return this.build();
  }

  protected common(): ProgramOptions {
    return {
      args: [...this.#args],
      ...(this.#cwd !== undefined && { cwd: this.#cwd }),
      ...(this.#user !== undefined && { user: this.#user }),
      env: { ...this.#env },
      rlimits: [...this.#rlimits],
    };
  }

  protected set(change: () => unknown): this {
    this.#state.assertOpen();
    change();
    return this;
  }
}
