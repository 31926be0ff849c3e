import type { LaunchedMachine } from './launch-machine.ts';
import type { BootReport } from './status-message.ts';

/** How a sandbox came to run, without the time it took and its ports. */
export function bootReportOf({
  choice,
  machine,
  boot,
}: LaunchedMachine): Omit<BootReport, 'phasesMs' | 'ports'> {
  const { version } = machine;
  return {
    vmm: { ...choice, version },
    boot: boot.kind === 'warm' ? boot : { kind: 'cold', reason: boot.reason },
  };
}
