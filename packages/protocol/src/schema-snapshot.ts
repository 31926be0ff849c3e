import {
  FLAG_SESSION_START,
  FLAG_SHUTDOWN,
  FLAG_TERMINAL,
  FRAME_HEADER_SIZE,
  MAX_FRAME_SIZE,
  PROTOCOL_VERSION,
} from './constants.ts';
import { MESSAGE_TYPES } from './message-types.ts';

/** The wire surface of one generation, as `schema/gen-N.json` freezes it (protocol section 5). */
export interface SchemaSnapshot {
  readonly frame: {
    readonly flag_session_start: number;
    readonly flag_shutdown: number;
    readonly flag_terminal: number;
    readonly header_size: number;
    readonly max_frame_size: number;
  };
  readonly message_types: readonly { readonly introduced_in: number; readonly wire: string }[];
  readonly protocol_version: number;
}

/** The surface this package implements; keys are sorted, as the file has them. */
export function schemaSnapshot(): SchemaSnapshot {
  return {
    frame: {
      flag_session_start: FLAG_SESSION_START,
      flag_shutdown: FLAG_SHUTDOWN,
      flag_terminal: FLAG_TERMINAL,
      header_size: FRAME_HEADER_SIZE,
      max_frame_size: MAX_FRAME_SIZE,
    },
    message_types: Object.entries(MESSAGE_TYPES).map(([wire, { since }]) => ({ introduced_in: since, wire })),
    protocol_version: PROTOCOL_VERSION,
  };
}
