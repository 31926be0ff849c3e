import { LocalBackend, type Sandbox } from 'microsandbox';
import { printWarning } from './notice.ts';

/** Says that the machine runs in software emulation: one line, once per home and start of the host. */
export async function warnOfEmulation(
  { boot }: Sandbox,
  options: { readonly quiet?: boolean | undefined },
): Promise<void> {
  if (options.quiet || boot?.vmm.accelerator !== 'tcg') return;
  const { firstTimeSinceBoot } = await import('@microsandbox/runtime');
  const { cacheDir } = await new LocalBackend().layout();
  if (await firstTimeSinceBoot(cacheDir, 'emulation')) {
    printWarning(`expect sandboxes to be slow: ${boot.vmm.reason} (see \`msb doctor\`)`);
  }
}
