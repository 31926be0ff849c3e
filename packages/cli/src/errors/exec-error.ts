import type { ExecFailure, ExecFailureKind } from '@microsandbox/types';

interface Explanation {
  readonly label: string;
  readonly hint?: (command: string) => string;
  /** Exit code, as a shell has them: 127 not found, 126 not runnable. */
  readonly code: number;
}

/** What is said about each kind of spawn failure (spec: cli 13.2). */
const EXPLANATIONS: Readonly<Record<ExecFailureKind, Explanation>> = {
  not_found: {
    label: 'not found',
    hint: (command) =>
      `is \`${command}\` on PATH inside the sandbox? Try \`msb exec ... -- which ${command}\``,
    code: 127,
  },
  permission_denied: {
    label: 'permission denied',
    hint: (command) => `check the binary's permissions — \`chmod +x ${command}\` may be needed`,
    code: 126,
  },
  not_executable: {
    label: 'not executable',
    hint: () =>
      "the file isn't a runnable program — wrong architecture, missing shebang interpreter, or corrupted ELF",
    code: 126,
  },
  bad_cwd: {
    label: 'bad cwd',
    hint: () =>
      "the working directory doesn't exist or isn't accessible — create it inside the sandbox first",
    code: 1,
  },
  bad_args: {
    label: 'bad args',
    hint: () => 'argument list is invalid: too long (E2BIG), too many symlinks, or contains null bytes',
    code: 1,
  },
  resource_limit: {
    label: 'resource limit',
    hint: () =>
      'the sandbox hit a resource limit (fd table, process count). Raise `--rlimit` or stop other processes',
    code: 1,
  },
  user_setup_failed: {
    label: 'user setup',
    hint: () =>
      "the requested user/group could not be applied — check that the user exists in the sandbox's `/etc/passwd`",
    code: 1,
  },
  out_of_memory: {
    label: 'out of memory',
    hint: () => 'the sandbox is memory-constrained — try a larger `--memory`',
    code: 1,
  },
  pty_setup_failed: {
    label: 'pty setup',
    hint: () => 'pty allocation failed; try `--no-tty` or pipe stdin (`< /dev/null`)',
    code: 1,
  },
  other: { label: 'exec', code: 1 },
};

/** Title, bullets and exit code of a program that never ran. */
export function execErrorNotice(failure: ExecFailure): {
  readonly title: string;
  readonly bullets: string[];
  readonly code: number;
} {
  const command = /"([^"]*)"/.exec(failure.message)?.[1] ?? '<unknown>';
  const { label, hint, code } = EXPLANATIONS[failure.kind] ?? EXPLANATIONS.other;
  const errno =
    failure.errnoName !== null
      ? ` (${failure.errnoName})`
      : failure.errno !== null
        ? ` (errno ${failure.errno})`
        : '';
  const bullets = [`${label}: ${failure.message}${errno}`];
  if (hint !== undefined) bullets.push(hint(command));
  return { title: `failed to exec "${command}"`, bullets, code };
}
