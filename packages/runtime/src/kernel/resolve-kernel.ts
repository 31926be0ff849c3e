import type { HomeLayout } from '@microsandbox/utils';
import { type FindLibkrunfwOptions, findLibkrunfw, type LibkrunfwSource } from './find-libkrunfw.ts';
import { prepareKernel } from './prepare-kernel.ts';

/** A guest kernel that is ready to boot. */
export interface ResolvedKernel {
  readonly libkrunfwPath: string;
  /** The kernel as an ELF file with a PVH note. */
  readonly elfPath: string;
  readonly source: LibkrunfwSource;
}

/**
 * Finds libkrunfw and puts its kernel into the cache as a file that a driver can boot.
 *
 * @throws LibkrunfwNotFoundError when there is none
 * @throws MicrosandboxError `kernelNotFound` when the file holds no kernel
 */
export async function resolveKernel(
  options: FindLibkrunfwOptions & { readonly layout: Pick<HomeLayout, 'libDir' | 'cacheDir'> },
): Promise<ResolvedKernel> {
  const { path, source } = await findLibkrunfw(options);
  return { libkrunfwPath: path, elfPath: await prepareKernel(path, options.layout.cacheDir), source };
}
