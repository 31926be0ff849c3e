import { resolve } from 'node:path';
import type { MountFile, PatchFile } from './file-system-schema.ts';
import type { SandboxFile } from './sandbox-schema.ts';

/** Relative paths of the host, made absolute from the folder of the file that holds them (spec: cli 5). */
export function withHostPaths(file: SandboxFile, folder: string): SandboxFile {
  const { image, mounts, patches, patch_files } = file;
  return {
    ...file,
    ...(image !== undefined && { image: imagePath(image, folder) }),
    ...(mounts !== undefined && { mounts: mounts.map((mount) => mountPath(mount, folder)) }),
    ...(patches !== undefined && { patches: patchPaths(patches, folder) }),
    ...(patch_files !== undefined && { patch_files: patch_files.map((path) => resolve(folder, path)) }),
  };
}

/** The same for changes of the root file system. */
export function patchPaths(patches: readonly PatchFile[], folder: string): PatchFile[] {
  return patches.map(({ copy_file, copy_dir, ...others }) => ({
    ...others,
    ...(copy_file && { copy_file: { ...copy_file, src: resolve(folder, copy_file.src) } }),
    ...(copy_dir && { copy_dir: { ...copy_dir, src: resolve(folder, copy_dir.src) } }),
  }));
}

function imagePath(
  image: NonNullable<SandboxFile['image']>,
  folder: string,
): NonNullable<SandboxFile['image']> {
  if (typeof image === 'string') return isPath(image) ? resolve(folder, image) : image;
  const { snapshot, disk, bind } = image;
  return {
    ...image,
    ...(snapshot !== undefined && isPath(snapshot) && { snapshot: resolve(folder, snapshot) }),
    ...(disk !== undefined && { disk: resolve(folder, disk) }),
    ...(bind !== undefined && { bind: resolve(folder, bind) }),
  };
}

function mountPath(mount: MountFile, folder: string): MountFile {
  const { bind, disk } = mount;
  return {
    ...mount,
    ...(bind !== undefined && { bind: resolve(folder, bind) }),
    ...(disk !== undefined && { disk: resolve(folder, disk) }),
  };
}

/** What the image option takes for a path of the host, and not for a name. */
function isPath(text: string): boolean {
  return text === '.' || text === '..' || /^\.{0,2}\//.test(text);
}
