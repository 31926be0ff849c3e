import { type ProgramOptions, ProgramOptionsBuilder } from './program-options-builder.ts';

/** Settings of one attached program. */
export interface AttachOptions extends ProgramOptions {
  /** Keys that leave the program running, as `ctrl-]` or `ctrl-p,ctrl-q`. */
  readonly detachKeys?: string;
}

/** Settings of a program on this terminal; given to the callbacks of `attachWith` and its kin. */
export class AttachOptionsBuilder extends ProgramOptionsBuilder<AttachOptions> {
  #detachKeys: string | undefined;

  constructor() {
    super('AttachOptionsBuilder');
  }

  /** Keys that leave the program running: comma-separated, each `ctrl-<c>` or one character. */
  detachKeys(spec: string): this {
    return this.set(() => {
      this.#detachKeys = spec;
    });
  }

  override build(): AttachOptions {
    return {
      ...this.common(),
      ...(this.#detachKeys !== undefined && { detachKeys: this.#detachKeys }),
    };
  }
}
