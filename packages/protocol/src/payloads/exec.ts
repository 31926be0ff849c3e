import type { InputOf, OutputOf } from '../cbor/codec.ts';
import { nullable, omitted, required, withDefault } from '../cbor/field.ts';
import { list } from '../cbor/list.ts';
import { bool, bytes, i32, text, u16, u32 } from '../cbor/scalars.ts';
import { struct } from '../cbor/struct.ts';
import { rlimit } from './core.ts';

/** Payloads of the `core.exec.*` messages (protocol section 6.2). */

export const execRequest = struct({
  cmd: required(text),
  /** Without argv[0]. */
  args: withDefault(list(text), []),
  /** `KEY=VALUE` each. */
  env: withDefault(list(text), []),
  cwd: nullable(text),
  user: nullable(text),
  tty: withDefault(bool, false),
  rows: withDefault(u16, 24),
  cols: withDefault(u16, 80),
  rlimits: withDefault(list(rlimit), []),
});
export type ExecRequest = InputOf<typeof execRequest>;

export const execStarted = struct({ pid: required(u32) });
export type ExecStarted = OutputOf<typeof execStarted>;

/** `core.exec.stdin`, `.stdout` and `.stderr`; empty standard input means end of file. */
export const execData = struct({ data: required(bytes) });
export type ExecStdin = InputOf<typeof execData>;
export type ExecStdout = OutputOf<typeof execData>;
export type ExecStderr = OutputOf<typeof execData>;

export const execStdinError = struct({
  errno: nullable(i32),
  errnoName: nullable(text),
  message: required(text),
});
export type ExecStdinError = OutputOf<typeof execStdinError>;

/** `code` is −1 when a signal ended the process or its status was lost. */
export const execExited = struct({
  /** -1 when a signal ended the program. */
  code: required(i32),
  /** That signal; the reference's agent leaves it out. */
  signal: omitted(i32, null),
});
export type ExecExited = OutputOf<typeof execExited>;

/** Kinds: `EXEC_FAILURE_KINDS` of the types package; a later agent may send others. */
export const execFailed = struct({
  kind: required(text),
  errno: nullable(i32),
  errnoName: nullable(text),
  message: required(text),
  stage: nullable(text),
});
export type ExecFailed = OutputOf<typeof execFailed>;

export const execResize = struct({ rows: required(u16), cols: required(u16) });
export type ExecResize = InputOf<typeof execResize>;

/** A Linux signal number, for the whole process group. */
export const execSignal = struct({ signal: required(i32) });
export type ExecSignal = InputOf<typeof execSignal>;
