import type { InputOf, OutputOf } from '../cbor/codec.ts';
import { required } from '../cbor/field.ts';
import { bytes, text, u16 } from '../cbor/scalars.ts';
import { struct } from '../cbor/struct.ts';

/** Payloads of the `core.tcp.*` messages (protocol section 6.4). */

export const tcpConnect = struct({ host: required(text), port: required(u16) });
export type TcpConnect = InputOf<typeof tcpConnect>;

export const tcpData = struct({ data: required(bytes) });
export type TcpData = OutputOf<typeof tcpData>;

export const tcpFailed = struct({ error: required(text) });
export type TcpFailed = OutputOf<typeof tcpFailed>;
