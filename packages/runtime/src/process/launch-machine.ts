import { join } from 'node:path';
import type { VmDriver, VmmChoice, VmProcess } from '@microsandbox/types';
import { prepareInitramfs } from '../initramfs/prepare-initramfs.ts';
import { prepareKernel } from '../kernel/prepare-kernel.ts';
import type { MachineSettings } from './machine-settings.ts';
import type { ProcessArguments } from './process-arguments.ts';
import { AGENT_PORT, kernelCommandLine, planDisks } from './vm-plan.ts';

/** A machine whose monitor answers, and why it is this one. */
export interface LaunchedMachine {
  readonly machine: VmProcess;
  readonly choice: VmmChoice;
}

/** What to launch, and with what. */
export interface LaunchMachineOptions {
  readonly args: ProcessArguments;
  readonly settings: MachineSettings;
  readonly chooseVmm: () => Promise<VmmChoice>;
  readonly driverOf: (choice: VmmChoice) => VmDriver;
  /** The monitor's process exists. */
  readonly onSpawn?: () => void;
}

/** Starts a sandbox's machine. */
export async function launchMachine(options: LaunchMachineOptions): Promise<LaunchedMachine> {
  const { args, settings, onSpawn } = options;
  const disks = planDisks(settings);
  const [choice, kernelPath, initramfsPath] = await Promise.all([
    options.chooseVmm(),
    prepareKernel(settings.libkrunfw_path, args.cacheDir),
    prepareInitramfs({ layout: { cacheDir: args.cacheDir } }),
  ]);
  const machine = await options.driverOf(choice).launch(
    {
      name: args.name,
      cpus: args.vcpus,
      memoryMib: args.memoryMib,
      kernelPath,
      initramfsPath,
      commandLine: kernelCommandLine(settings, choice.accelerator),
      disks,
      ports: [AGENT_PORT],
      kernelLogPath: join(settings.log_dir, 'kernel.log'),
      accelerator: choice.accelerator,
    },
    onSpawn ? { onSpawn } : {},
  );
  return { machine, choice };
}
