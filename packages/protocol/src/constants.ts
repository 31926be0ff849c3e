/** Numbers both ends of the agent protocol agree on (protocol sections 1 and 2). They never change. */

/** The generation this package speaks; stamped into every envelope. */
export const PROTOCOL_VERSION = 7;

/** First generation whose guests understand `core.error`. */
export const FIRST_VERSION_WITH_ERRORS = 5;

/** First generation whose guests take `core.bootstrap`. */
export const FIRST_VERSION_WITH_BOOTSTRAP = 7;

/** Bytes of a frame between its length prefix and its body: id and flags. */
export const FRAME_HEADER_SIZE = 5;

/** Bytes of the length prefix itself. */
export const FRAME_PREFIX_SIZE = 4;

/** Largest value of the length prefix, in bytes. */
export const MAX_FRAME_SIZE = 4 * 1024 * 1024;

/** Largest piece of a file or of standard input that goes into one frame, in bytes. */
export const FS_CHUNK_SIZE = 3 * 1024 * 1024;

/** The last frame of its correlation id. */
export const FLAG_TERMINAL = 0x01;
/** The first frame of an exec, file or TCP session. */
export const FLAG_SESSION_START = 0x02;
/** The guest is to power off. */
export const FLAG_SHUTDOWN = 0x04;

/** Name of the console port that carries frames. */
export const AGENT_PORT_NAME = 'agent';

/** Clients one relay serves at a time. */
export const AGENT_RELAY_MAX_CLIENTS = 128;

/** Correlation ids given to each client: floor(0xFFFFFFFF / 128). */
export const AGENT_RELAY_ID_RANGE_STEP = 0x01ff_ffff;
