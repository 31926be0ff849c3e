/** Two clocks that were read this much of a window apart do not make a percentage. */
const MAX_SKEW = 0.05;

/** A reading of the processors' time. */
export interface CpuReading {
  /** Of all virtual processors together. */
  readonly vcpuTimeNs: number;
  /** Monotonic milliseconds before and after reading. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Makes percentages of one processor out of readings (spec: state 20). */
export class CpuMeter {
  readonly #maxPercent: number;
  #last: CpuReading | null = null;
  #percent: number | undefined;

  constructor(cpus: number) {
    this.#maxPercent = cpus * 100;
  }

  /** The share since the last reading; undefined at the first, the last value when the clocks are too far apart. */
  percent(reading: CpuReading): number | undefined {
    const last = this.#last;
    this.#last = reading;
    if (last === null) return undefined;
    const windowMs = reading.toMs - last.toMs;
    const skewMs = Math.abs(windowMs - (reading.fromMs - last.fromMs));
    if (windowMs <= 0 || skewMs > windowMs * MAX_SKEW) return this.#percent;
    const busyMs = (reading.vcpuTimeNs - last.vcpuTimeNs) / 1e6;
    this.#percent = Math.min(this.#maxPercent, Math.max(0, (busyMs / windowMs) * 100));
    return this.#percent;
  }
}
