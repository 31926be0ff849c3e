import type { PullProgressEvent } from '@microsandbox/types';
import { paintErr } from '../output/colour.ts';
import { padEnd } from '../output/display-width.ts';
import { VERB_WIDTH } from './action-line.ts';
import { LiveArea } from './live-area.ts';
import { advancePull, INITIAL_LOAD_STATE, INITIAL_PULL_STATE, type PullState } from './pull-state.ts';
import { renderPull, type ViewSize } from './pull-view.ts';

const INTERVAL_MS = 100;

/** What a boot is doing after each phase it reports. */
const BOOT_STEPS: Readonly<Record<string, string>> = {
  image: 'disks',
  disks: 'sandbox process',
  spawn: 'virtual machine',
  vmm: 'kernel',
  kernel: 'agent',
  agent: 'agent',
  ready: 'ready',
};

/** The display of a pull, and of the boot that may follow it: 10 times a second, on a terminal only. */
export class CreateDisplay implements Disposable {
  readonly #area: LiveArea | undefined;
  #pull: PullState = INITIAL_PULL_STATE;
  /** What the boot is waiting for; null while the image is pulled. */
  #step: string | null = null;

  /**
   * @param reference shown behind `Pulling`
   * @param name shown behind `Starting`
   */
  constructor(reference: string, name: string, options: { readonly quiet?: boolean | undefined } = {}) {
    if (options.quiet) return;
    this.#area = new LiveArea(INTERVAL_MS, (tick) => {
      if (this.#step === null) return renderPull(this.#pull, reference, tick, terminalSize(), paintErr);
      return [`   ${tick} ${padEnd('Starting', VERB_WIDTH)} ${name} ${paintErr('dim', `(${this.#step})`)}`];
    });
  }

  /** The display of a boot without a pull. */
  static ofBoot(name: string, options: { readonly quiet?: boolean | undefined }): CreateDisplay {
    const display = new CreateDisplay('', name, options);
    display.#step = BOOT_STEPS['image'] ?? null;
    return display;
  }

  /** The display of an archive that is loaded. */
  static ofLoad(label: string, options: { readonly quiet?: boolean | undefined }): CreateDisplay {
    const display = new CreateDisplay(label, '', options);
    display.#pull = INITIAL_LOAD_STATE;
    return display;
  }

  /** Takes a step of the pull in. */
  onPull = (event: PullProgressEvent): void => {
    this.#pull = advancePull(this.#pull, event);
  };

  /** Takes a step of the boot in. */
  onBoot = ({ phase }: { readonly phase: string }): void => {
    this.#step = BOOT_STEPS[phase] ?? phase;
  };

  [Symbol.dispose](): void {
    this.#area?.[Symbol.dispose]();
  }
}

function terminalSize(): ViewSize {
  return { columns: process.stderr.columns ?? 80, rows: process.stderr.rows ?? 24 };
}
