import { join } from 'node:path';
import type { VmmChoice, VmProcess, VmSpec } from '@microsandbox/types';
import { isUnchecked, krunDriver } from '../krun/krun-driver.ts';
import { findQemu } from '../qemu/find-qemu.ts';
import { qemuDriver } from '../qemu/qemu-driver.ts';
import { coldBootParameters } from '../vmm/guest-setup.ts';
import { machineSpec } from '../vmm/machine-spec.ts';
import { whyOutsideClass } from '../warm/layout-class.ts';
import { templateKey } from '../warm/template-key.ts';
import { TemplateStore } from '../warm/template-store.ts';
import { wakeMachine } from '../warm/wake-machine.ts';
import { lockDisks } from './lock-disks.ts';
import type { MachineSettings } from './machine-settings.ts';
import { interfaceMac } from './network/interface-mac.ts';
import type { ProcessArguments } from './process-arguments.ts';
import { countShares, planDisks } from './vm-plan.ts';

/** How a machine came to life, for people. */
export type BootKind =
  | { readonly kind: 'warm' }
  | {
      readonly kind: 'cold';
      readonly reason: string;
      /** A template would have served, but there is none. */
      readonly wantsTemplate: boolean;
    };

/** A machine whose monitor answers, and why it is this one. */
export interface LaunchedMachine {
  readonly machine: VmProcess;
  readonly choice: VmmChoice;
  readonly boot: BootKind;
  /** Serials of the disks in the guest's order. */
  readonly diskIds: readonly string[];
  /**
   * Boots another machine in place of this one, and gives up the template that it woke from, if it did. Null when
   * this one is the second try already.
   */
  readonly bootInstead: ((why: string) => Promise<LaunchedMachine>) | null;
}

/** What to launch, and with what. */
export interface LaunchMachineOptions {
  readonly args: ProcessArguments;
  readonly settings: MachineSettings;
  readonly env: NodeJS.ProcessEnv;
  /** The monitor's process exists. */
  readonly onSpawn: () => void;
}

/** Starts a sandbox's machine: from a template if there is one, else by booting. */
export async function launchMachine(options: LaunchMachineOptions): Promise<LaunchedMachine> {
  const { args, settings, env, onSpawn } = options;
  const { choice } = args;
  const disks = planDisks(settings);
  // Held until this process ends, and with it the machine.
  if (settings.disks.length > 0) await lockDisks(settings);
  const [program, spec] = await Promise.all([
    choice.driver === 'qemu' ? findQemu(env) : null,
    machineSpec({
      name: args.name,
      cpus: args.vcpus,
      memoryMib: args.memoryMib,
      accelerator: choice.accelerator,
      libkrunfwPath: settings.libkrunfw_path,
      thp: settings.thp,
      disks,
      shares: countShares(settings),
      mac: interfaceMac(settings),
      kernelLogPath: join(settings.log_dir, 'kernel.log'),
      cacheDir: args.cacheDir,
    }),
  ]);
  const common = { choice, diskIds: disks.map(({ id }) => id) };
  return program === null
    ? await bootWithKrun(spec, { ...common, cacheDir: args.cacheDir, env, onSpawn })
    : await launchWithQemu(program, spec, { ...common, args, onSpawn });
}

type Common = Pick<LaunchedMachine, 'choice' | 'diskIds'>;

/** A libkrun machine always boots. */
async function bootWithKrun(
  spec: VmSpec,
  options: Common & {
    readonly cacheDir: string;
    readonly env: NodeJS.ProcessEnv;
    readonly onSpawn: () => void;
  },
): Promise<LaunchedMachine> {
  const { choice, diskIds, cacheDir, env, onSpawn } = options;
  const boot = async (isRetry: boolean): Promise<LaunchedMachine> => ({
    choice,
    diskIds,
    machine: await krunDriver.launch(spec, { cacheDir, onSpawn, serialLog: isUnchecked(env) }),
    boot: { kind: 'cold', reason: 'libkrun cannot wake', wantsTemplate: false },
    bootInstead: isRetry ? null : () => boot(true),
  });
  return await boot(false);
}

async function launchWithQemu(
  program: string,
  spec: VmSpec,
  options: Common & { readonly args: ProcessArguments; readonly onSpawn: () => void },
): Promise<LaunchedMachine> {
  const { args, onSpawn, ...common } = options;
  const bootedSpec = { ...spec, commandLine: [...spec.commandLine, ...coldBootParameters(spec)] };
  const boot = async (reason: string, wantsTemplate: boolean, isRetry = false): Promise<LaunchedMachine> => ({
    ...common,
    machine: await qemuDriver.launch(bootedSpec, { onSpawn }),
    boot: { kind: 'cold', reason, wantsTemplate },
    bootInstead: isRetry ? null : () => boot(reason, wantsTemplate, true),
  });

  const why = args.warm === 'off' ? 'warm boot is off' : whyOutsideClass(spec);
  if (why !== null) return await boot(why, false);
  const store = new TemplateStore(args.cacheDir);
  const key = await templateKey(program, spec);
  const template = await store.find(key);
  if (template === null) return await boot('no template yet', true);
  const bootInstead = async (reason: string): Promise<LaunchedMachine> => {
    await store.remove(key);
    return await boot(`template removed: ${reason}`, true, true);
  };
  try {
    const machine = await wakeMachine(program, spec, template, { onSpawn });
    return { ...common, machine, boot: { kind: 'warm' }, bootInstead };
  } catch (error) {
    return await bootInstead((error as Error).message);
  }
}
