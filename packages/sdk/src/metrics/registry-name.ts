const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const U64 = 0xffff_ffff_ffff_ffffn;

/** Version of the registry's layout; part of its name. */
const LAYOUT_VERSION = 3;

/**
 * Name of a home's metrics registry in shared memory: the 64-bit FNV-1a of the home's path as it is written, so
 * that `/a` and `/a/` differ (spec: state 20).
 */
export function registryName(home: string): string {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(home)) hash = ((hash ^ BigInt(byte)) * FNV_PRIME) & U64;
  return `/msb-met-${hash.toString(16).padStart(16, '0')}-v${LAYOUT_VERSION}`;
}

/** File of the registry where shared memory is a file system, else null. */
export function registryFile(home: string): string | null {
  return process.platform === 'linux' ? `/dev/shm${registryName(home)}` : null;
}
