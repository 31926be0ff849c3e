/** Descriptors a sandbox process is started with; after standard input, output and error. */
export const LAUNCH_FD = 3;
export const STATUS_FD = 4;
/** End of the pipe whose other end the owner of an attached sandbox holds. Attached mode only. */
export const PARENT_WATCH_FD = 5;
/** Holds the sandbox's lifecycle lock; never touched, only kept open. */
export const LIFECYCLE_LOCK_FD = 6;

/** Byte on the parent watch that means: go on without me. */
export const DETACH_BYTE = 1;
