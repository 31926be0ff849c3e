import type { BootPhaseListener } from '../boot-info.ts';

/**
 * With `MSB_BOOT_TRACE=1`, each step of a start is also written to standard error when it is reached, as a line of
 * JSON: `{"boot":"web","phase":"kernel","elapsed_ms":412.5}`. `elapsed_ms` counts from the start of the sandbox process;
 * for `image` and `disks`, which come before, it is how long they took.
 */
export function tracedBoot(
  name: string,
  listener: BootPhaseListener | undefined,
  env: NodeJS.ProcessEnv,
): BootPhaseListener | undefined {
  if (env['MSB_BOOT_TRACE'] !== '1') return listener;
  return (event) => {
    const elapsed_ms = Math.round(event.elapsedMs * 10) / 10;
    process.stderr.write(`${JSON.stringify({ boot: name, phase: event.phase, elapsed_ms })}\n`);
    listener?.(event);
  };
}
