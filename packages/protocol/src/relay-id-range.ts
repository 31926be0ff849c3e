import { AGENT_RELAY_ID_RANGE_STEP, AGENT_RELAY_MAX_CLIENTS } from './constants.ts';

/** Correlation ids of one relay client: `start` up to, not including, `endExclusive`. */
export interface RelayIdRange {
  readonly start: number;
  readonly endExclusive: number;
}

/** The ids of the client in `slot` 0…127 (protocol section 10). */
export function relayIdRange(slot: number): RelayIdRange {
  const base = slot * AGENT_RELAY_ID_RANGE_STEP;
  return { start: base + 1, endExclusive: base + AGENT_RELAY_ID_RANGE_STEP };
}

/** The slot a guest frame with this id goes to; id 0 falls on slot 0, the few ids beyond the last range on 127. */
export function relaySlotOfId(id: number): number {
  return Math.min(Math.floor(id / AGENT_RELAY_ID_RANGE_STEP), AGENT_RELAY_MAX_CLIENTS - 1);
}

/** True when the client that owns `range` may use `id`. */
export function isIdInRange(id: number, range: RelayIdRange): boolean {
  return id >= range.start && id < range.endExclusive;
}

/** What a relay writes first to a client: its id range and the guest's `core.ready` frame, byte for byte. */
export function encodeClientPrologue(range: RelayIdRange, readyFrame: Uint8Array): Buffer {
  const prologue = Buffer.alloc(8 + readyFrame.length);
  prologue.writeUInt32BE(range.start, 0);
  prologue.writeUInt32BE(range.endExclusive, 4);
  prologue.set(readyFrame, 8);
  return prologue;
}
