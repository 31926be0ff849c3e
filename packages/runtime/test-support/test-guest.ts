import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { addon } from '@microsandbox/native';
import { machineProgram } from '../src/krun/machine-program.ts';

const folder = resolve(import.meta.dirname, '../../../crates/testguest');

/** The machine as `crates/testguest` finds it, in one line of JSON. */
export interface FoundMachine {
  readonly command_line: string;
  readonly memory_kib: number;
  readonly cpus: number;
  readonly initramfs: { readonly bytes: number } | null;
  readonly devices: readonly { readonly id: number; readonly [key: string]: unknown }[];
}

/** Why no test guest can run here; null when one can. */
export function testGuestObstacle(): string | null {
  const unbuilt = existsSync(machineProgram().args.at(-1) ?? '') ? null : 'run `npm run build` first';
  return addon().krunUnavailable() ?? unbuilt;
}

/** Builds the test guest and returns its path. */
export function buildTestGuest(): string {
  const target = 'x86_64-unknown-none';
  execFileSync('cargo', ['build', '--quiet', '--release', '--target', target], { cwd: folder });
  return join(folder, 'target', target, 'release/testguest');
}

/** Devices of one kind; numbers as in the virtio specification, section 5. */
export function devicesOf(
  machine: FoundMachine,
  kind: 'network' | 'block' | 'console',
): readonly { readonly [key: string]: unknown }[] {
  const id = { network: 1, block: 2, console: 3 }[kind];
  return machine.devices.filter((device) => device.id === id);
}
