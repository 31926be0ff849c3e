let path: string | undefined;

/**
 * Names the guest kernel's library for this process. It comes after `MSB_LIBKRUNFW_PATH` and before everything
 * else; the first call counts.
 */
export function setRuntimeLibkrunfwPath(file: string): void {
  path ??= file;
}

/** What {@link setRuntimeLibkrunfwPath} was given first. */
export function runtimeLibkrunfwPath(): string | undefined {
  return path;
}
