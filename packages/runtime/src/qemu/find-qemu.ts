import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { MicrosandboxError } from '@microsandbox/types';
import { isFile } from '../files/is-file.ts';

/** Name of the emulator of this architecture, or null where this project cannot start one yet. */
export function qemuProgramName(arch: string): string | null {
  return arch === 'x64' ? 'qemu-system-x86_64' : null;
}

const INSTALL_HINT =
  'install QEMU (Debian, Ubuntu: apt-get install qemu-system-x86; Fedora: dnf install qemu-system-x86-core; ' +
  'macOS: brew install qemu) or set MSB_QEMU_PATH to qemu-system-x86_64';

/**
 * Finds the QEMU to run: `MSB_QEMU_PATH`, else the first on `PATH`.
 *
 * @returns its absolute path
 * @throws MicrosandboxError `vmmNotFound`
 */
export async function findQemu(env: NodeJS.ProcessEnv): Promise<string> {
  const name = qemuProgramName(process.arch);
  if (name === null) {
    throw new MicrosandboxError('vmmNotFound', `QEMU is not supported on ${process.arch} yet`, {
      hint: 'use a machine with an x86-64 processor',
    });
  }
  const named = env['MSB_QEMU_PATH'];
  if (named !== undefined && named !== '') {
    if (isAbsolute(named) && (await isExecutable(named))) return named;
    throw new MicrosandboxError(
      'vmmNotFound',
      `MSB_QEMU_PATH is not the absolute path of a program: ${named}`,
      {
        hint: INSTALL_HINT,
      },
    );
  }
  const folders = (env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  for (const folder of folders) {
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  throw new MicrosandboxError('vmmNotFound', `${name} was not found on PATH`, { hint: INSTALL_HINT });
}

async function isExecutable(path: string): Promise<boolean> {
  const allowed = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  return allowed && (await isFile(path));
}
