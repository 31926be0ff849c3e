import {
  type DecodedFrame,
  decodeAnyEnvelope,
  decodeDataBody,
  decodeExecSessionMessage,
  decodePayload,
  type ExecSessionPayload,
  FLAG_SHUTDOWN,
  flagsOf,
  isIdInRange,
  isMessageType,
  type Message,
  type MessageType,
  type RelayIdRange,
} from '@microsandbox/protocol';

/** What a client may send. Everything else belongs to the relay or comes from the guest. */
const CLIENT_TYPES: ReadonlySet<MessageType> = new Set([
  'core.shutdown',
  'core.ping',
  'core.touch',
  'core.error',
  'core.exec.request',
  'core.exec.stdin',
  'core.exec.resize',
  'core.exec.signal',
  'core.fs.request',
  'core.fs.data',
  'core.tcp.connect',
  'core.tcp.data',
  'core.tcp.eof',
  'core.tcp.close',
]);

/** What a client may ask the relay about its programs. */
export type SessionRequest = {
  [T in 'core.exec.keep' | 'core.exec.sessions' | 'core.exec.attach']: {
    readonly type: T;
    readonly payload: ExecSessionPayload<T>;
  };
}['core.exec.keep' | 'core.exec.sessions' | 'core.exec.attach'];

/** What to do with a client's frame. */
export type FrameVerdict =
  | { readonly action: 'forward'; readonly message: Message }
  /** For the relay itself: about programs that outlive their client. */
  | { readonly action: 'session'; readonly request: SessionRequest }
  /** Answer with `core.error` and forget the frame. */
  | {
      readonly action: 'refuse';
      readonly kind: string;
      readonly message: string;
      readonly type: string | null;
    }
  | { readonly action: 'disconnect' };

/**
 * Judges a frame before it reaches the guest. A guest may end at a frame that it cannot read (protocol section 22,
 * trap 1), so a client's mistake is answered here and hurts nobody else.
 */
export function checkClientFrame(frame: DecodedFrame, range: RelayIdRange): FrameVerdict {
  const isShutdown = frame.id === 0 && (frame.flags & FLAG_SHUTDOWN) !== 0;
  if (!isShutdown && !isIdInRange(frame.id, range)) return { action: 'disconnect' };
  let type: string | null = null;
  try {
    const data = decodeDataBody(frame.body);
    if (data !== null && CLIENT_TYPES.has(data.type) && frame.flags === flagsOf(data.type)) {
      return { action: 'forward', message: { ...data, flags: frame.flags } };
    }
    const envelope = decodeAnyEnvelope(frame.body);
    type = envelope.type;
    if (type === 'core.exec.keep' || type === 'core.exec.sessions' || type === 'core.exec.attach') {
      const payload = decodeExecSessionMessage(type, envelope.payload);
      return { action: 'session', request: { type, payload } as SessionRequest };
    }
    if (!isMessageType(type) || !CLIENT_TYPES.has(type)) {
      return refuse('unsupported_message_type', `unknown message type: ${type}`, type);
    }
    const flags = flagsOf(type);
    if (frame.flags !== flags) {
      return refuse(
        'invalid_flags',
        `invalid flags for ${type}: got ${frame.flags}, expected ${flags}`,
        type,
      );
    }
    const payload = decodePayload(type, envelope.payload);
    return {
      action: 'forward',
      message: { type, payload, flags: frame.flags, version: envelope.version } as Message,
    };
  } catch (error) {
    const reason = (error as Error).message;
    return type === null
      ? refuse('malformed_message', reason, null)
      : refuse('invalid_payload', `decode payload for ${type}: ${reason}`, type);
  }
}

function refuse(kind: string, message: string, type: string | null): FrameVerdict {
  return { action: 'refuse', kind, message, type };
}
