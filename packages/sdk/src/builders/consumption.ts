/**
 * Whether a builder was used up. A builder gives what it holds once; setting or taking afterwards is a mistake
 * in the program and throws.
 */
export class Consumption {
  readonly #name: string;
  #used = false;

  /** @param name class name of the builder, for messages */
  constructor(name: string) {
    this.#name = name;
  }

  /** Called by every setter. */
  assertOpen(): void {
    if (this.#used) throw new Error(`${this.#name} already consumed`);
  }

  /** Called by what takes the content. */
  consume(message = `${this.#name} already consumed`): void {
    if (this.#used) throw new Error(message);
    this.#used = true;
  }
}
