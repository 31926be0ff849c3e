/** A size in a plan: `2 GiB` when it is a whole number of GiB, else `1536 MiB`. */
export function formatMib(mib: number): string {
  return mib >= 1024 && mib % 1024 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`;
}
