import type { Sandbox } from 'microsandbox';
import { isTerminal, STDERR } from '../output/terminal.ts';
import { printWarning } from './notice.ts';

/**
 * Says once, to people only, that the machine runs in software emulation.
 */
export function warnOfEmulation({ boot }: Sandbox, options: { readonly quiet?: boolean | undefined }): void {
  if (options.quiet || boot?.vmm.accelerator !== 'tcg' || !isTerminal(STDERR)) return;
  printWarning(`expect this sandbox to be slow: ${boot.vmm.reason}`);
}
