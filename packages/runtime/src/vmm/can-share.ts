/**
 * Whether folders of the host can be shared. Their server keeps names inside a folder by `openat2(2)` and identifies
 * files by `O_PATH` descriptors, which are Linux's own.
 */
export function canShare(platform: NodeJS.Platform = process.platform): boolean {
  return platform === 'linux';
}
