/** Who needs a slot in a home's metrics registry (spec: state 20). */
export interface MetricsReservation {
  /** Name of the registry in shared memory, which is made when it is missing. */
  readonly registry: string;
  /** Slots that it must have; 0 for whatever it has. */
  readonly capacity: number;
  readonly sandboxId: number;
  readonly name: string;
  readonly memoryLimitBytes: number;
}

/** A reserved slot. */
export interface MetricsTicket {
  readonly slot: number;
  /** Tells this owner of the slot from earlier and later ones. */
  readonly generation: number;
}

/** One sample of a sandbox; what is undefined was not measured. Counters grow from the start of its machine. */
export interface MetricsSample {
  /** Milliseconds since 1970. */
  readonly sampledAtMs: number;
  readonly memoryLimitBytes: number;
  readonly vcpuTimeNs?: number | undefined;
  /** Of one processor; up to 100 for each. */
  readonly cpuPercent?: number | undefined;
  readonly memoryUsedBytes?: number | undefined;
  readonly memoryAvailableBytes?: number | undefined;
  readonly hostResidentBytes?: number | undefined;
  readonly diskReadBytes: number;
  readonly diskWriteBytes: number;
  readonly netRxBytes: number;
  readonly netTxBytes: number;
  readonly upperUsedBytes?: number | undefined;
  readonly upperFreeBytes?: number | undefined;
  readonly upperHostAllocatedBytes?: number | undefined;
}

/** A sandbox's slot. Its memory is mapped until this is collected. */
export interface MetricsSlotWriter {
  /** Takes a reserved slot over. False when it is somebody else's by now. */
  activate(runId: number, pid: number, startedAtMs: number): boolean;

  /** Publishes a sample. False when the slot is somebody else's by now. */
  write(sample: MetricsSample): boolean;

  /** The run is over: its last sample stays readable until somebody needs the slot. */
  release(): void;

  /** The start failed: frees the reserved slot. */
  cancel(): void;
}

/** The writing side of the metrics registry. Readers take it as a file (Linux). */
export interface MetricsAddon {
  /**
   * Reserves a slot, off the event loop; null when all are in use. A reservation of a process that died is void.
   *
   * @throws NixError when there is no registry and none can be made
   */
  reserveMetricsSlot(reservation: MetricsReservation): Promise<MetricsTicket | null>;

  /**
   * Opens a slot that was reserved.
   *
   * @throws NixError when there is no such registry or slot
   */
  openMetricsSlot(registry: string, slot: number, generation: number): MetricsSlotWriter;
}
