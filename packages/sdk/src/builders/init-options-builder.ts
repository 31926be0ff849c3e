import type { StoredInit } from '../config/init-command.ts';
import { Consumption } from './consumption.ts';

/** Arguments and environment of an init program; given to the callback of `SandboxBuilder.initWith`. */
export class InitOptionsBuilder {
  readonly #state = new Consumption('InitOptionsBuilder');
  readonly #args: string[] = [];
  readonly #env: [string, string][] = [];

  /** Adds an argument. */
  arg(value: string): this {
    return this.args([value]);
  }

  /** Adds arguments. */
  args(values: readonly string[]): this {
    this.#state.assertOpen();
    this.#args.push(...values);
    return this;
  }

  /** Adds a variable. */
  env(key: string, value: string): this {
    return this.envs({ [key]: value });
  }

  /** Adds variables. */
  envs(variables: Readonly<Record<string, string>>): this {
    this.#state.assertOpen();
    this.#env.push(...Object.entries(variables));
    return this;
  }

  /** @internal */
  take(cmd: string): StoredInit {
    this.#state.consume();
    return { cmd, args: [...this.#args], env: [...this.#env] };
  }
}
