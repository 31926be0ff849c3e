import { join } from 'node:path';

/** Release whose kernel is the reference; its file is looked for before any other of the same ABI. */
export const LIBKRUNFW_VERSION = '5.6.1';

/** File names of a libkrunfw of ABI 5, best first. */
export function libkrunfwFileNames(platform: NodeJS.Platform): readonly string[] {
  return platform === 'darwin'
    ? ['libkrunfw.5.dylib']
    : [`libkrunfw.so.${LIBKRUNFW_VERSION}`, 'libkrunfw.so.5'];
}

/** Folders in which distributions and Homebrew put shared libraries. */
export function systemLibraryFolders(platform: NodeJS.Platform, arch: string): readonly string[] {
  if (platform === 'darwin') return ['/opt/homebrew/lib', '/usr/local/lib'];
  const multiarch = arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  return [`/usr/lib/${multiarch}`, '/usr/lib64', '/usr/lib', '/usr/local/lib64', '/usr/local/lib'];
}

/** npm package that carries the library for a platform, or null where none is published. */
export function libkrunfwPackage(platform: NodeJS.Platform, arch: string): string | null {
  return platform === 'linux' && arch === 'x64' ? '@superradcompany/microsandbox-linux-x64-gnu' : null;
}

/** Every file to try in `folders`, in order. */
export function libkrunfwCandidates(
  folders: readonly string[],
  platform: NodeJS.Platform,
): readonly string[] {
  return folders.flatMap((folder) => libkrunfwFileNames(platform).map((name) => join(folder, name)));
}
