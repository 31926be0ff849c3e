import { encodeCbor } from './cbor/encode-cbor.ts';
import { required } from './cbor/field.ts';
import { bool, u32 } from './cbor/scalars.ts';
import { struct } from './cbor/struct.ts';
import { PROTOCOL_VERSION } from './constants.ts';
import { encodeEnvelope } from './envelope.ts';
import { encodeFrame } from './frame.ts';
import type { RelayIdRange } from './relay-id-range.ts';

const clientFlow = struct({ idStart: required(u32), idEndExclusive: required(u32), held: required(bool) });

/**
 * The frame that tells the agent whose output is to wait, or to flow again. All clients share one port without
 * credit, so stopping the port for one client would stop all. Only for agents with the extension `client-flow`.
 */
export function encodeClientFlow(ids: RelayIdRange, held: boolean): Buffer {
  const payload = encodeCbor(
    clientFlow.encode({ idStart: ids.start, idEndExclusive: ids.endExclusive, held }),
  );
  const type = 'core.relay.client.flow';
  return encodeFrame({ id: 0, flags: 0, body: encodeEnvelope({ version: PROTOCOL_VERSION, type, payload }) });
}
