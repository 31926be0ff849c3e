/** Layout of the registry (spec: state 20, runtime A9): a header, then one slot a sandbox; little-endian. */
export const REGISTRY = {
  magic: 0x3130_5445_4d42_534dn,
  version: 3,
  headerBytes: 256,
  slotBytes: 512,
  readyState: 2,
} as const;

/** What a slot holds is live, or what a run left behind. */
export type SlotState = 'active' | 'stale';

/** One sandbox's last sample. What was not measured is null. */
export interface MetricsSlot {
  readonly state: SlotState;
  readonly sandboxId: number;
  readonly runId: number;
  readonly pid: number;
  readonly name: string;
  readonly startedAtMs: number;
  readonly sampledAtMs: number;
  readonly memoryLimitBytes: number;
  readonly vcpuTimeNs: number;
  readonly cpuPercent: number;
  readonly memoryUsedBytes: number;
  readonly memoryAvailableBytes: number | null;
  readonly memoryHostResidentBytes: number | null;
  readonly diskReadBytes: number;
  readonly diskWriteBytes: number;
  readonly netRxBytes: number;
  readonly netTxBytes: number;
  readonly upperUsedBytes: number | null;
  readonly upperFreeBytes: number | null;
  readonly upperHostAllocatedBytes: number | null;
}

const STATES: Readonly<Record<number, SlotState>> = { 2: 'active', 3: 'stale' };

const FLAG = { available: 4, hostResident: 8, upperUsed: 16, upperFree: 32, upperHostAllocated: 64 } as const;

const MAX_NAME_BYTES = 128;

/** Offset of a slot's sequence number: odd while its writer is at it. */
export const SEQUENCE_OFFSET = 0x10;

/** Reads the bytes of a slot; null when it is free, reserved or was never sampled. */
export function parseSlot(slot: Buffer): MetricsSlot | null {
  const state = STATES[slot.readUInt32LE(0)];
  const sampledAtMs = Number(slot.readBigInt64LE(0x30));
  if (state === undefined || sampledAtMs <= 0) return null;
  const flags = slot.readUInt32LE(0x38);
  const u64 = (offset: number): number => Number(slot.readBigUInt64LE(offset));
  const measured = (flag: number, offset: number): number | null =>
    (flags & flag) === 0 ? null : u64(offset);
  const nameBytes = Math.min(slot.readUInt16LE(0xa8), MAX_NAME_BYTES);
  return {
    state,
    sandboxId: slot.readInt32LE(0x18),
    runId: slot.readInt32LE(0x1c),
    pid: slot.readInt32LE(0x20),
    name: slot.toString('utf8', 0xb0, 0xb0 + nameBytes),
    startedAtMs: Number(slot.readBigInt64LE(0x28)),
    sampledAtMs,
    memoryLimitBytes: u64(0x40),
    vcpuTimeNs: u64(0x48),
    cpuPercent: slot.readFloatLE(0x50),
    memoryUsedBytes: u64(0x58),
    memoryAvailableBytes: measured(FLAG.available, 0x60),
    memoryHostResidentBytes: measured(FLAG.hostResident, 0x68),
    diskReadBytes: u64(0x70),
    diskWriteBytes: u64(0x78),
    netRxBytes: u64(0x80),
    netTxBytes: u64(0x88),
    upperUsedBytes: measured(FLAG.upperUsed, 0x90),
    upperFreeBytes: measured(FLAG.upperFree, 0x98),
    upperHostAllocatedBytes: measured(FLAG.upperHostAllocated, 0xa0),
  };
}
