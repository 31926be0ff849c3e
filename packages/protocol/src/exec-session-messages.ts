import { ProtocolError } from '@microsandbox/types';
import type { Codec, InputOf, OutputOf } from './cbor/codec.ts';
import { decodeCbor } from './cbor/decode-cbor.ts';
import { encodeCbor } from './cbor/encode-cbor.ts';
import { nullable, required } from './cbor/field.ts';
import { list } from './cbor/list.ts';
import { bool, i32, text, u32, u64 } from './cbor/scalars.ts';
import { struct } from './cbor/struct.ts';
import { FLAG_SESSION_START, FLAG_TERMINAL, PROTOCOL_VERSION } from './constants.ts';
import { encodeEnvelope } from './envelope.ts';

/**
 * Messages between client and relay about programs that outlive their client: the extension `exec-sessions`. The
 * guest never sees them, and they are no part of the frozen table.
 *
 * | type | from | answer |
 * | --- | --- | --- |
 * | `core.exec.keep` | client | `core.exec.kept` |
 * | `core.exec.sessions` | client | `core.exec.sessions.list` |
 * | `core.exec.attach` | client | `core.exec.started`, output, `core.exec.exited`, all under the id of the request |
 *
 * Each is sent under an id of its own; what cannot be done is answered with `core.error`.
 */
const MESSAGES = {
  /** The program under `id` goes on when this client goes away. */
  'core.exec.keep': { flags: 0, payload: struct({ id: required(u32) }) },
  'core.exec.kept': { flags: FLAG_TERMINAL, payload: struct({ session: required(u32) }) },
  'core.exec.sessions': { flags: 0, payload: struct({}) },
  'core.exec.sessions.list': {
    flags: FLAG_TERMINAL,
    payload: struct({
      sessions: required(
        list(
          struct({
            /** Counts from 1 while the sandbox runs; also the `id` in its log. */
            session: required(u32),
            /** Command and arguments for people, shortened. */
            command: required(text),
            tty: required(bool),
            pid: nullable(u32),
            /** Milliseconds since 1970. */
            startedAt: required(u64),
            /** Whether it outlives its client. */
            kept: required(bool),
            /** Whether somebody reads it. */
            attached: required(bool),
            /** Null while it runs. */
            exitCode: nullable(i32),
            signal: nullable(i32),
          }),
        ),
      ),
    }),
  },
  /** Continues `session` under the id of this message. */
  'core.exec.attach': { flags: FLAG_SESSION_START, payload: struct({ session: required(u32) }) },
} as const;

export type ExecSessionMessageType = keyof typeof MESSAGES;
type Codecs = { readonly [T in ExecSessionMessageType]: (typeof MESSAGES)[T]['payload'] };
export type ExecSessionPayload<T extends ExecSessionMessageType> = OutputOf<Codecs[T]>;

/** One program of `core.exec.sessions.list`. */
export type ExecSessionEntry = ExecSessionPayload<'core.exec.sessions.list'>['sessions'][number];

/** True for a type of this file. */
export function isExecSessionMessage(type: string): type is ExecSessionMessageType {
  return Object.hasOwn(MESSAGES, type);
}

/** Flags of every frame of `type`. */
export function execSessionFlags(type: ExecSessionMessageType): number {
  return MESSAGES[type].flags;
}

/** Body of a frame. */
export function encodeExecSessionMessage<T extends ExecSessionMessageType>(
  type: T,
  payload: InputOf<Codecs[T]>,
): Buffer {
  const codec = MESSAGES[type].payload as Codec<unknown, unknown>;
  const bytes = encodeCbor(codec.encode(payload));
  return encodeEnvelope({ version: PROTOCOL_VERSION, type, payload: bytes });
}

/** @throws ProtocolError */
export function decodeExecSessionMessage<T extends ExecSessionMessageType>(
  type: T,
  payload: Uint8Array,
): ExecSessionPayload<T> {
  const codec = MESSAGES[type].payload as Codec<unknown, unknown>;
  return codec.decode(decodeCbor(payload)) as ExecSessionPayload<T>;
}

/** @throws ProtocolError for another type */
export function expectExecSessionMessage<T extends ExecSessionMessageType>(
  expected: T,
  { type, payload }: { readonly type: string; readonly payload: Uint8Array },
): ExecSessionPayload<T> {
  if (type !== expected) throw new ProtocolError(`expected ${expected}, got ${type}`);
  return decodeExecSessionMessage(expected, payload);
}
