import {
  BootStartError,
  ExecFailedError,
  MicrosandboxError,
  UnsupportedOperationError,
} from '@microsandbox/types';
import { paintErr } from '../output/colour.ts';
import { writeErr } from '../output/write.ts';
import { bootErrorNotice } from './boot-error.ts';
import { isEnding } from './ending.ts';
import { execErrorNotice } from './exec-error.ts';
import { printError } from './notice.ts';

/** Console lines shown under a boot error; the log has the rest. */
const CONSOLE_LINES = 5;

/** Prints what went wrong on standard error and returns the exit code (spec: cli 12.4 and 13). */
export function renderError(error: unknown, withStack = false): number {
  if (isEnding(error)) return error.exitCode;
  const code = print(error);
  if (withStack) printCauses(error);
  return code;
}

function print(error: unknown): number {
  if (error instanceof BootStartError) {
    const { title, bullets } = bootErrorNotice(error.sandbox, error.record, error.hint);
    printError(title, bullets);
    for (const line of error.consoleTail.slice(-CONSOLE_LINES)) writeErr(paintErr('dim', `    ${line}\n`));
    return 1;
  }
  if (error instanceof ExecFailedError) {
    const { title, bullets, code } = execErrorNotice(error.failure);
    printError(title, bullets);
    return code;
  }
  if (error instanceof UnsupportedOperationError) {
    printError("this sandbox's runtime is too old for the requested feature", [
      'the sandbox was started by an older microsandbox runtime',
      'exec and shell still work',
      'restart the sandbox to update its runtime, then retry',
    ]);
    return 1;
  }
  if (error instanceof MicrosandboxError) {
    printError(error.message, error.hint === undefined ? [] : [error.hint]);
    return 1;
  }
  printError(error instanceof Error ? error.message : String(error), [
    'this is unexpected: run again with --debug to see where it came from',
  ]);
  return 1;
}

/** Stack traces are for those who ask for them. */
function printCauses(error: unknown): void {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    writeErr(`${paintErr('dim', cause.stack ?? cause.message)}\n`);
  }
}
