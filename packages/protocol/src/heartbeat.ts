import { ProtocolError } from '@microsandbox/types';
import type { OutputOf } from './cbor/codec.ts';
import { decodeCbor } from './cbor/decode-cbor.ts';
import { required } from './cbor/field.ts';
import { text, u32, u64 } from './cbor/scalars.ts';
import { struct } from './cbor/struct.ts';

/**
 * Type of the agent's report of every second, with id 0. Not in the protocol's table: no client ever sees it, and
 * both sides come from one build (crates/protocol documents it).
 */
export const HEARTBEAT = 'core.heartbeat';

const heartbeat = struct({
  /** Grows by one with every report, from 1. */
  heartbeatSeq: required(u64),
  /** Grows by one with every meaningful event. */
  activitySeq: required(u64),
  /** RFC 3339, UTC, by the guest's clock. */
  timestamp: required(text),
  /** The same, of the last meaningful event. */
  lastActivity: required(text),
  activeExecSessions: required(u32),
  activeFsStreams: required(u32),
  activeTcpStreams: required(u32),
  activityCounters: required(
    struct({
      hostMessages: required(u64),
      guestMessages: required(u64),
      execOutputBytes: required(u64),
      fsBytes: required(u64),
      tcpBytes: required(u64),
    }),
  ),
  /** Bytes that the guest's kernel manages; 0 when unknown, like the following. */
  memoryTotal: required(u64),
  memoryAvailable: required(u64),
  /** Bytes of the root file system's writable part. */
  upperUsed: required(u64),
  upperFree: required(u64),
});
export type Heartbeat = OutputOf<typeof heartbeat>;

/** Up to nine fractional digits. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

/**
 * Reads the payload of a {@link HEARTBEAT}.
 *
 * @throws ProtocolError when it is none
 */
export function decodeHeartbeat(payload: Uint8Array): Heartbeat {
  const report = heartbeat.decode(decodeCbor(payload));
  for (const time of [report.timestamp, report.lastActivity]) {
    if (!TIMESTAMP.test(time)) throw new ProtocolError('heartbeat: not a time');
  }
  return report;
}
