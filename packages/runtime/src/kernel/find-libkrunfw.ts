import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type HostConfig, LibkrunfwNotFoundError } from '@microsandbox/types';
import type { HomeLayout } from '@microsandbox/utils';
import { isFile } from '../files/is-file.ts';
import { libkrunfwCandidates, libkrunfwPackage, systemLibraryFolders } from './libkrunfw-places.ts';

/** Which step of the ladder gave the library. */
export type LibkrunfwSource = 'environment' | 'config' | 'home' | 'package' | 'system';

/** Where to look. */
export interface FindLibkrunfwOptions {
  readonly layout: Pick<HomeLayout, 'libDir'>;
  readonly config: HostConfig;
  readonly env: NodeJS.ProcessEnv;
}

/** A libkrunfw that was found. */
export interface FoundLibkrunfw {
  readonly path: string;
  readonly source: LibkrunfwSource;
}

const HINT =
  `reinstall with npm (Linux x64 gets the kernel from ${libkrunfwPackage('linux', 'x64')}; npm under Node 20 ` +
  'leaves it out), or install libkrunfw 5 (Fedora: dnf install libkrunfw; macOS: brew install libkrunfw) ' +
  'and set MSB_LIBKRUNFW_PATH to its file';

/**
 * Finds the library that holds the guest kernel: `MSB_LIBKRUNFW_PATH`, `paths.libkrunfw` of the configuration,
 * the home's `lib`, the npm package for this platform, the system's library folders.
 *
 * @throws LibkrunfwNotFoundError naming every place, or the one that was named explicitly and is no file
 */
export async function findLibkrunfw(options: FindLibkrunfwOptions): Promise<FoundLibkrunfw> {
  const named = options.env['MSB_LIBKRUNFW_PATH'];
  if (named !== undefined) {
    if (await isFile(named)) return { path: named, source: 'environment' };
    throw notFound(`MSB_LIBKRUNFW_PATH points to non-file: ${named}`);
  }
  const configured = options.config.paths.libkrunfw;
  if (configured) {
    if (await isFile(configured)) return { path: configured, source: 'config' };
    throw notFound(`configured path does not exist: ${configured}`);
  }
  const { platform, arch } = process;
  const steps: readonly (readonly [LibkrunfwSource, readonly string[]])[] = [
    ['home', [options.layout.libDir]],
    ['package', packageFolders()],
    ['system', systemLibraryFolders(platform, arch)],
  ];
  const searched: string[] = [];
  for (const [source, folders] of steps) {
    for (const path of libkrunfwCandidates(folders, platform)) {
      if (await isFile(path)) return { path, source };
      searched.push(path);
    }
  }
  throw notFound(`searched: ${searched.join(', ')}`);
}

function notFound(reason: string): LibkrunfwNotFoundError {
  return new LibkrunfwNotFoundError(`libkrunfw not found: ${reason}`, { hint: HINT });
}

/** The `lib` folder of the platform's npm package; none when npm left the package out. */
function packageFolders(): readonly string[] {
  const name = libkrunfwPackage(process.platform, process.arch);
  if (name === null) return [];
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return [join(dirname(manifest), 'lib')];
  } catch {
    return [];
  }
}
