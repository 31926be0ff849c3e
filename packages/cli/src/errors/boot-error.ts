import type { BootErrorRecord } from '@microsandbox/types';

/** errno values a boot's stages are known to fail with, and the way out of each (spec: cli 13.1). */
const HINTS: readonly {
  readonly stage: string;
  readonly errnos: readonly number[];
  readonly hint: string;
}[] = [
  { stage: 'mount', errnos: [2], hint: 'the host path for one of the mounts does not exist' },
  { stage: 'mount', errnos: [13], hint: 'the host path is not readable by msb (check permissions)' },
  { stage: 'image', errnos: [2], hint: 'rootfs not found — try `msb pull <image>` first' },
  {
    stage: 'network',
    errnos: [48, 98],
    hint: 'a port is already bound — try a different host port or stop the other process',
  },
];

/** Title and bullets of a boot that failed. */
export function bootErrorNotice(
  sandbox: string,
  record: BootErrorRecord,
  hint?: string,
): { readonly title: string; readonly bullets: string[] } {
  const known = HINTS.find(
    ({ stage, errnos }) => stage === record.stage && record.errno !== null && errnos.includes(record.errno),
  );
  const bullets = [`${record.stage}: ${record.message}`];
  // The failure's own hint knows more than the number of an error does.
  const wayOut = hint ?? known?.hint;
  if (wayOut !== undefined) bullets.push(wayOut);
  bullets.push(`run \`msb logs --source system ${sandbox}\` for full diagnostics`);
  return { title: `failed to start "${sandbox}"`, bullets };
}
