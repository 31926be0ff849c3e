import type { Codec, InputOf, OutputOf } from '../cbor/codec.ts';
import type { MessageType } from '../message-types.ts';
import { guestBootstrap } from './bootstrap.ts';
import {
  clockSync,
  coreError,
  empty,
  initResolved,
  ready,
  relayClientDisconnected,
  shutdown,
  touched,
} from './core.ts';
import {
  execData,
  execExited,
  execFailed,
  execRequest,
  execResize,
  execSignal,
  execStarted,
  execStdinError,
} from './exec.ts';
import { fsData, fsRequest, fsResponse } from './fs.ts';
import { tcpConnect, tcpData, tcpFailed } from './tcp.ts';

/** The payload of every message type. */
export const PAYLOADS = {
  'core.ready': ready,
  'core.init.resolved': initResolved,
  'core.init.ack': empty,
  'core.shutdown': shutdown,
  'core.relay.client.disconnected': relayClientDisconnected,
  'core.clock.sync': clockSync,
  'core.ping': empty,
  'core.pong': empty,
  'core.touch': empty,
  'core.touched': touched,
  'core.error': coreError,
  'core.exec.request': execRequest,
  'core.exec.started': execStarted,
  'core.exec.stdin': execData,
  'core.exec.stdin.error': execStdinError,
  'core.exec.stdout': execData,
  'core.exec.stderr': execData,
  'core.exec.exited': execExited,
  'core.exec.failed': execFailed,
  'core.exec.resize': execResize,
  'core.exec.signal': execSignal,
  'core.fs.request': fsRequest,
  'core.fs.response': fsResponse,
  'core.fs.data': fsData,
  'core.tcp.connect': tcpConnect,
  'core.tcp.connected': empty,
  'core.tcp.data': tcpData,
  'core.tcp.eof': empty,
  'core.tcp.close': empty,
  'core.tcp.closed': empty,
  'core.tcp.failed': tcpFailed,
  'core.bootstrap': guestBootstrap,
} as const satisfies Record<MessageType, Codec<never, unknown>>;

/** What a sender gives as payload of a message of type `T`. */
export type PayloadInput<T extends MessageType> = InputOf<(typeof PAYLOADS)[T]>;

/** What a reader gets as payload of a message of type `T`. */
export type Payload<T extends MessageType> = OutputOf<(typeof PAYLOADS)[T]>;
