/** What only the monitor knows about its machine. */
export interface VmCounters {
  /** Host threads that run the guest's processors. */
  readonly vcpuThreadIds: readonly number[];
  /** Bytes that the guest read from its disks since the machine started, whoever had them. */
  readonly diskReadBytes: number;
  readonly diskWriteBytes: number;
}
