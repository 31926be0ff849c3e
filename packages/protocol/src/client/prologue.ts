import { AgentClientError } from '@microsandbox/types';
import { FRAME_HEADER_SIZE, FRAME_PREFIX_SIZE, MAX_FRAME_SIZE } from '../constants.ts';
import { decodeAnyEnvelope, decodePayload } from '../envelope.ts';
import { frameTooLarge, frameTooShort } from '../frame.ts';
import type { Ready } from '../payloads/core.ts';
import type { RelayIdRange } from '../relay-id-range.ts';

/** What a relay sends first: the client's correlation ids and the guest's `core.ready` (protocol section 10). */
export interface Prologue {
  readonly range: RelayIdRange;
  /** Envelope of the ready frame. */
  readonly readyBody: Buffer;
  readonly ready: Ready;
  /** Generation of the guest. */
  readonly readyVersion: number;
  /** Bytes of the input this took. */
  readonly length: number;
}

/** Bytes of the id range in front of the ready frame. */
export const ID_RANGE_SIZE = 8;

/**
 * Reads the prologue from the bytes received so far; null while it is incomplete.
 *
 * @throws AgentClientError when it can never become a prologue.
 */
export function parsePrologue(bytes: Buffer): Prologue | null {
  if (bytes.length < ID_RANGE_SIZE) return null;
  const range = readRange(bytes);
  if (bytes.length < ID_RANGE_SIZE + FRAME_PREFIX_SIZE) return null;
  const size = bytes.readUInt32BE(ID_RANGE_SIZE);
  if (size > MAX_FRAME_SIZE) throw handshakeError(frameTooLarge(size).message);
  if (size < FRAME_HEADER_SIZE) throw handshakeError(frameTooShort(size).message);
  const length = ID_RANGE_SIZE + FRAME_PREFIX_SIZE + size;
  if (bytes.length < length) return null;
  const readyBody = bytes.subarray(ID_RANGE_SIZE + FRAME_PREFIX_SIZE + FRAME_HEADER_SIZE, length);
  return { range, readyBody, length, ...readReady(readyBody) };
}

/** An error of the handshake, with upstream's prefix. */
export function handshakeError(reason: string, cause?: unknown): AgentClientError {
  return new AgentClientError(`handshake: ${reason}`, cause === undefined ? {} : { cause });
}

function readRange(bytes: Buffer): RelayIdRange {
  const start = bytes.readUInt32BE(0);
  const endExclusive = bytes.readUInt32BE(4);
  if (looksLegacy(start, endExclusive)) {
    throw new AgentClientError('handshake: the sandbox runs a runtime older than 0.5', {
      hint: 'restart the sandbox to update its runtime',
    });
  }
  if (start >= endExclusive) {
    throw new AgentClientError(`invalid relay id range: start=${start}, end=${endExclusive}`);
  }
  if (Math.max(1, start) >= endExclusive) {
    throw handshakeError(
      `relay id range contains no usable nonzero ids: start=${start}, end=${endExclusive}`,
    );
  }
  return { start, endExclusive };
}

/** Relays before 0.5 sent one id offset, then the ready frame at once: the second word is a frame's length. */
function looksLegacy(first: number, second: number): boolean {
  return second >= FRAME_HEADER_SIZE && second <= MAX_FRAME_SIZE && (first === 0 || first >= second);
}

function readReady(body: Buffer): { readonly ready: Ready; readonly readyVersion: number } {
  try {
    const envelope = decodeAnyEnvelope(body);
    if (envelope.type !== 'core.ready') {
      throw new AgentClientError(`expected core.ready frame, got ${envelope.type}`);
    }
    return { ready: decodePayload('core.ready', envelope.payload), readyVersion: envelope.version };
  } catch (error) {
    throw handshakeError((error as Error).message, error);
  }
}
