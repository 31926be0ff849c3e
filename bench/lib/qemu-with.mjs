import { writeFile } from 'node:fs/promises';

/** Writes a program to `path` that is the QEMU in use with more arguments; for `MSB_QEMU_PATH`. */
export async function qemuWith(path, more) {
  const program =
    process.env.MSB_QEMU_PATH ?? `qemu-system-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}`;
  // The version is asked for without a machine.
  const script = `#!/bin/sh\ncase "$*" in *-machine*) exec ${program} "$@" ${more.join(' ')};; *) exec ${program} "$@";; esac\n`;
  await writeFile(path, script, { mode: 0o755 });
}
