import {
  decodeCbor,
  encodeCbor,
  encodeEnvelope,
  encodeFrame,
  PROTOCOL_VERSION,
} from '@microsandbox/protocol';

/**
 * Messages between host and guest before the bootstrap (the agent's crate documents them). They are not in the
 * protocol's table: no client ever sees them, and both sides come from one build.
 */
export const TEMPLATE_READY = 'core.template.ready';

/** Asks the guest to let go of all devices and of all memory, and to wait. */
export function encodePrepare(): Buffer {
  return frame('core.template.prepare', {});
}

/** What must differ from guest to guest. */
export interface Wake {
  /** Random bytes for the guest's generator. */
  readonly entropy: Buffer;
  readonly unixTimeNanos: bigint;
  /** Serial of each disk in the guest's order; devices behind the list stay without driver. */
  readonly disks: readonly string[];
}

export function encodeWake(wake: Wake): Buffer {
  return frame('core.template.wake', {
    entropy: wake.entropy,
    unix_time_nanos: wake.unixTimeNanos,
    disks: wake.disks,
  });
}

/** What the guest says when its memory can be saved. */
export interface TemplateReady {
  readonly unboundDevices: number;
  readonly zeroedBytes: number;
}

/** Reads the payload of the guest's `core.template.ready`. */
export function decodeTemplateReady(payload: Uint8Array): TemplateReady {
  const map = decodeCbor(payload) as Map<string, unknown>;
  return { unboundDevices: Number(map.get('unbound_devices')), zeroedBytes: Number(map.get('zeroed_bytes')) };
}

function frame(type: string, payload: unknown): Buffer {
  const body = encodeEnvelope({ version: PROTOCOL_VERSION, type, payload: encodeCbor(payload) });
  return encodeFrame({ id: 0, flags: 0, body });
}
