import type { BootPhaseName } from './status-message.ts';

/** Measures the steps of a start, from the beginning of this process. */
export class PhaseClock {
  readonly #onPhase: (phase: BootPhaseName, elapsedMs: number) => void;
  readonly #durations = { spawn: 0, vmm: 0, kernel: 0, agent: 0, ready: 0 };
  #last = 0;

  /** @param onPhase told of each step when it is reached */
  constructor(onPhase: (phase: BootPhaseName, elapsedMs: number) => void) {
    this.#onPhase = onPhase;
  }

  reached(phase: BootPhaseName): void {
    // performance.now() counts from the start of the process.
    const elapsedMs = performance.now();
    this.#durations[phase] = round(elapsedMs - this.#last);
    this.#last = elapsedMs;
    this.#onPhase(phase, round(elapsedMs));
  }

  /** Milliseconds each step took. */
  get durations(): Readonly<Record<BootPhaseName, number>> {
    return { ...this.#durations };
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
