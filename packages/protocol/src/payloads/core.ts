import type { InputOf, OutputOf } from '../cbor/codec.ts';
import { omitted, required } from '../cbor/field.ts';
import { list } from '../cbor/list.ts';
import { text, u32, u64 } from '../cbor/scalars.ts';
import { struct } from '../cbor/struct.ts';

/** Payloads of the `core.*` control messages (protocol section 6.1). */

/** An empty map. */
export const empty = struct({});

export const ready = struct({
  /** Guest clock since boot, in nanoseconds, when the agent started. */
  bootTimeNs: required(u64),
  /** How long the guest's initialisation took, in nanoseconds. */
  initTimeNs: required(u64),
  /** Guest clock since boot, in nanoseconds, just before this message. */
  readyTimeNs: required(u64),
  /** Package version of the agent; empty when it did not say. */
  agentVersion: omitted(text, ''),
  /** What the agent and its relay offer beyond the generation: names of `EXTENSIONS` and later ones. */
  extensions: omitted(list(text), [] as string[]),
});
export type Ready = OutputOf<typeof ready>;

export const initResolved = struct({
  defaultUser: required(struct({ uid: required(u32), gid: required(u32) })),
});
export type InitResolved = OutputOf<typeof initResolved>;

export const touched = struct({ activitySeq: required(u64) });
export type Touched = OutputOf<typeof touched>;

export const clockSync = struct({ unixTimeNanos: required(u64) });
export type ClockSync = InputOf<typeof clockSync>;

export const relayClientDisconnected = struct({ idStart: required(u32), idEndExclusive: required(u32) });
export type RelayClientDisconnected = OutputOf<typeof relayClientDisconnected>;

/**
 * `kind` is one of malformed_message, unsupported_message_type, unsupported_protocol_generation, invalid_flags,
 * invalid_payload, invalid_session, or a later one.
 */
export const coreError = struct({
  kind: required(text),
  message: required(text),
  offendingType: omitted(text, null),
});
export type CoreError = OutputOf<typeof coreError>;

/** `core.shutdown` carries null, and nobody reads it. */
export const shutdown = {
  encode: (_value: null): unknown => null,
  decode: (_value: unknown): null => null,
};

export const rlimit = struct({ resource: required(text), soft: required(u64), hard: required(u64) });
export type ExecRlimit = InputOf<typeof rlimit>;
