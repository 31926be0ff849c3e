import { UnsupportedOperationError } from '@microsandbox/types';
import { PROTOCOL_VERSION } from './constants.ts';
import { type MessageType, sinceGeneration } from './message-types.ts';

/** The generation both sides speak: the smaller of ours and the one in the guest's `core.ready`. */
export function negotiate(readyVersion: number, ownVersion: number = PROTOCOL_VERSION): number {
  return Math.min(ownVersion, readyVersion);
}

/** True when a peer of generation `negotiated` understands `type`. */
export function supportsType(type: MessageType, negotiated: number): boolean {
  return sinceGeneration(type) <= negotiated;
}

/**
 * The send gate: fails this one operation when the peer is too old for it.
 *
 * @throws UnsupportedOperationError
 */
export function assertSupported(type: MessageType, negotiated: number): void {
  if (supportsType(type, negotiated)) return;
  throw new UnsupportedOperationError(
    `the sandbox runtime is too old for '${type}' (needs protocol generation ${sinceGeneration(type)}, ` +
      `the sandbox speaks ${negotiated}); restart the sandbox to update its runtime`,
  );
}
