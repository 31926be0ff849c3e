import { type BootFailure, bootFailureOf } from './boot-failure.ts';
import { HINTS } from './boot-failure-finding.ts';

/** How a sandbox process was lost before its guest was ready. */
export interface ProcessEnd {
  /** As in `exit status: 1`, `signal: SIGKILL`, or why it did not start. */
  readonly status: string;
  /** What it and its Node wrote into `runtime.log` during this start. */
  readonly log: string;
}

/** A process that died has its own last words, which take the place of a console's. */
export interface ProcessFailure extends BootFailure {
  readonly lastLines: readonly string[];
}

const SHOWN_LINES = 20;

/** Judges a sandbox process that ended without telling its starter why. */
export function classifyProcessEnd({ status, log }: ProcessEnd, now: Date = new Date()): ProcessFailure {
  const lastLines = withoutStack(log).slice(-SHOWN_LINES);
  const words = lastLines.findLast((line) => /error\b/i.test(line) && !/^\S+Z (INFO|WARN) /.test(line));
  const reason = words === undefined ? '' : `: ${words.trim().replace(/^\S+Z ERROR /, '')}`;
  const message = `sandbox process exited (${status}) before agent relay became available${reason}`;
  const failure = status.includes('SIGKILL')
    ? bootFailureOf({ kind: 'killed', stage: 'other', message, hint: HINTS.freeHostMemory }, now)
    : bootFailureOf({ kind: 'processDied', stage: 'other', message, hint: hintOf(log) }, now);
  return { ...failure, lastLines };
}

function hintOf(log: string): string {
  if (/heap out of memory|Reached heap limit/.test(log))
    return 'this is a bug of microsandbox; please report it';
  if (/Cannot find module|ERR_MODULE_NOT_FOUND|ERR_DLOPEN|SyntaxError/.test(log)) {
    return 'files of microsandbox are missing or damaged: install it again';
  }
  return 'start it again; if that does not help, this is a bug: please report the last lines of its log';
}

/** The lines without what only a programmer reads. */
function withoutStack(log: string): string[] {
  return log
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !/^\s+at |^Node\.js v\d|^\s*\^+$|^(file:\/\/)?\/.*:\d+$/.test(line));
}
