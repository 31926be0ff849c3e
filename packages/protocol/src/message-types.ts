import { FLAG_SESSION_START, FLAG_SHUTDOWN, FLAG_TERMINAL } from './constants.ts';

/** What the table says of one message type. */
export interface MessageTypeInfo {
  /** Generation that introduced the type. */
  readonly since: number;
  /** Flags every frame of this type carries. */
  readonly flags: number;
}

/**
 * Every message type by its name on the wire (protocol section 4), in the order of the schema snapshot.
 * Append only: a type is never renamed, renumbered or removed.
 */
export const MESSAGE_TYPES = {
  'core.ready': { since: 1, flags: 0 },
  'core.init.resolved': { since: 1, flags: 0 },
  'core.init.ack': { since: 1, flags: 0 },
  'core.shutdown': { since: 1, flags: FLAG_SHUTDOWN },
  'core.relay.client.disconnected': { since: 1, flags: 0 },
  'core.clock.sync': { since: 1, flags: 0 },
  'core.ping': { since: 6, flags: 0 },
  'core.pong': { since: 6, flags: FLAG_TERMINAL },
  'core.touch': { since: 6, flags: 0 },
  'core.touched': { since: 6, flags: FLAG_TERMINAL },
  'core.error': { since: 5, flags: FLAG_TERMINAL },
  'core.exec.request': { since: 1, flags: FLAG_SESSION_START },
  'core.exec.started': { since: 1, flags: 0 },
  'core.exec.stdin': { since: 1, flags: 0 },
  'core.exec.stdin.error': { since: 1, flags: 0 },
  'core.exec.stdout': { since: 1, flags: 0 },
  'core.exec.stderr': { since: 1, flags: 0 },
  'core.exec.exited': { since: 1, flags: FLAG_TERMINAL },
  'core.exec.failed': { since: 1, flags: FLAG_TERMINAL },
  'core.exec.resize': { since: 1, flags: 0 },
  'core.exec.signal': { since: 1, flags: 0 },
  'core.fs.request': { since: 2, flags: FLAG_SESSION_START },
  'core.fs.response': { since: 2, flags: FLAG_TERMINAL },
  'core.fs.data': { since: 2, flags: 0 },
  'core.tcp.connect': { since: 4, flags: FLAG_SESSION_START },
  'core.tcp.connected': { since: 4, flags: 0 },
  'core.tcp.data': { since: 4, flags: 0 },
  'core.tcp.eof': { since: 4, flags: 0 },
  'core.tcp.close': { since: 4, flags: 0 },
  'core.tcp.closed': { since: 4, flags: FLAG_TERMINAL },
  'core.tcp.failed': { since: 4, flags: FLAG_TERMINAL },
  'core.bootstrap': { since: 7, flags: 0 },
} as const satisfies Record<string, MessageTypeInfo>;

/** Name of a message type on the wire. */
export type MessageType = keyof typeof MESSAGE_TYPES;

/** True when this package knows the type. */
export function isMessageType(text: string): text is MessageType {
  return Object.hasOwn(MESSAGE_TYPES, text);
}

/** The generation a peer must speak to understand `type`. */
export function sinceGeneration(type: MessageType): number {
  return MESSAGE_TYPES[type].since;
}

/** The flags every frame of `type` carries. */
export function flagsOf(type: MessageType): number {
  return MESSAGE_TYPES[type].flags;
}
