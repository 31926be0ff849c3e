import { createConnection, type Socket } from 'node:net';
import { AgentClientError } from '@microsandbox/types';
import { handshakeError, ID_RANGE_SIZE, type Prologue, parsePrologue } from './prologue.ts';

export interface DialOnceOptions {
  /** For the connection and its handshake together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A connected, paused socket behind its handshake, and the bytes that came after it. */
export interface Dialled {
  readonly socket: Socket;
  readonly prologue: Prologue;
  readonly rest: Buffer;
  /** Lets `receiver` have what comes from now on; the socket emits no `data`. */
  receiveWith(receiver: Receiver): void;
}

/** Who says where a socket's bytes are read to. */
export interface Receiver {
  /** Room for the next bytes. */
  room(): Buffer;
  /** They came, as a rule in the room that was offered last. */
  receive(bytes: Buffer): void;
}

/** Most of the prologue comes at once. */
const PROLOGUE_ROOM_BYTES = 1024;

/**
 * Connects to a relay's Unix socket and reads its prologue. A relay accepts long before its guest is up, so only
 * the prologue says that there is an agent.
 *
 * @returns null when the relay hung up without a word, as it does when it has no room for another client
 * @throws AgentClientError when nobody listens, the time is over or the prologue is none.
 */
export function dialOnce(path: string, { timeoutMs, signal }: DialOnceOptions): Promise<Dialled | null> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    let received: Buffer = Buffer.alloc(0);
    let connected = false;
    let receiver: Receiver = {
      room: () => Buffer.allocUnsafe(PROLOGUE_ROOM_BYTES),
      receive: (bytes) => receivePrologue(bytes),
    };
    const socket = createConnection({
      path,
      onread: {
        buffer: () => receiver.room(),
        callback: (count, bytes) => {
          receiver.receive(Buffer.from(bytes.buffer, bytes.byteOffset, count));
          return true;
        },
      },
    });
    const timer = setTimeout(() => fail(timeoutError(received.length)), timeoutMs);
    const onAbort = (): void => fail(signal?.reason);

    const receivePrologue = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      try {
        const prologue = parsePrologue(received);
        if (prologue === null) return;
        socket.pause();
        settle();
        const receiveWith = (next: Receiver): void => {
          receiver = next;
        };
        resolve({ socket, prologue, rest: received.subarray(prologue.length), receiveWith });
      } catch (error) {
        fail(error);
      }
    };

    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
    };
    const fail = (error: unknown): void => {
      settle();
      // A late error of the dying socket is nobody's business.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };

    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', () => {
      connected = true;
    });
    socket.on('error', (error) =>
      fail(
        connected
          ? handshakeError(error.message, error)
          : new AgentClientError(`connect ${path}: ${reason(error)}`, { cause: error }),
      ),
    );
    socket.on('close', () => {
      if (received.length > 0) return fail(handshakeError('unexpected end of stream'));
      settle();
      resolve(null);
    });
  });
}

function timeoutError(received: number): AgentClientError {
  return handshakeError(
    received < ID_RANGE_SIZE
      ? 'read id range: timed out before relay sent bytes'
      : 'read ready frame: timed out before relay sent frame',
  );
}

function reason(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'no such file or directory';
  if (error.code === 'ECONNREFUSED') return 'connection refused';
  if (error.code === 'EACCES') return 'permission denied';
  return error.message;
}
