/** `512 MiB`, or `2 GiB` when it is a whole number of GiB. */
export function formatMemory(mib: number): string {
  return mib >= 1024 && mib % 1024 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`;
}
