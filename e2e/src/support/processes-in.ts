import type { Sandbox } from 'microsandbox';

/** How many processes of a sandbox have `command` in their command line. Busybox has no pgrep everywhere. */
export async function processesIn(sandbox: Sandbox, command: string): Promise<number> {
  // In brackets, the first letter finds the command and not the search for it.
  const pattern = `[${command[0]}]${command.slice(1)}`;
  const lines = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done 2>/dev/null";
  return Number((await sandbox.shell(`${lines} | grep -c '${pattern}'`)).stdout());
}
