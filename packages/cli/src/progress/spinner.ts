import { padEnd } from '../output/display-width.ts';
import { succeeded, VERB_WIDTH } from './action-line.ts';
import { LiveArea } from './live-area.ts';

const TICK_MS = 80;

/** One line that turns while something is under way (spec: cli 14.2). */
export class Spinner implements Disposable {
  readonly #area: LiveArea | undefined;
  #label: string;

  constructor(label: string, target: string, options: { readonly quiet?: boolean | undefined } = {}) {
    this.#label = label;
    if (options.quiet) return;
    this.#area = new LiveArea(TICK_MS, (tick) => [`   ${tick} ${padEnd(this.#label, VERB_WIDTH)} ${target}`]);
  }

  /** Changes the verb, for work with phases. */
  relabel(label: string): void {
    this.#label = label;
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    this.#area?.[Symbol.dispose]();
  }
}

export interface ActionOptions {
  readonly quiet?: boolean | undefined;
}

/**
 * Runs `action` behind a spinner `label target`, and says `done target` when it worked. A failure takes the spinner
 * away and is the caller's to print.
 */
export async function withSpinner<T>(
  label: string,
  done: string | null,
  target: string,
  options: ActionOptions,
  action: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  let result: T;
  {
    using _spinner = new Spinner(label, target, options);
    result = await action();
  }
  if (done !== null && !options.quiet) succeeded(done, target, performance.now() - started);
  return result;
}
