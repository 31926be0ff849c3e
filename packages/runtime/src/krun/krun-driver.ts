import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { addon } from '@microsandbox/native';
import type { VmCapabilities, VmDriver, VmProcess, VmSpec } from '@microsandbox/types';
import { probeAccelerators } from '../vmm/accelerators.ts';
import { spawnMachine } from '../vmm/supervised-machine.ts';
import { krunMachine } from './krun-machine.ts';
import { machineProgram } from './machine-program.ts';
import { vmdkExtents } from './vmdk-extents.ts';

/** Version of the libkrun that is linked into the addon. */
const LIBKRUN_VERSION = '1.19.7';

/** A libkrun machine. */
export interface KrunProcess extends VmProcess {
  /** Output of the first serial port, when it was asked for. */
  readonly serial?: Duplex;
}

/** Options of {@link krunDriver.launch}. */
export interface KrunLaunchOptions {
  readonly signal?: AbortSignal;
  /** Connect the first serial port, for guests without a virtio console. */
  readonly serial?: boolean;
}

const DESCRIPTION = 'description';
const NETWORK = 'network';
const SERIAL = 'serial';

/** Runs machines with libkrun: the fast way where hardware can run them. */
export const krunDriver = {
  name: 'krun',

  async probe(): Promise<VmCapabilities> {
    const { usable, missing } = await probeAccelerators();
    const hardware = usable.filter((accelerator) => accelerator !== 'tcg');
    const reason = missing ?? addon().krunUnavailable();
    if (reason !== null || hardware.length === 0) {
      return {
        available: false,
        reason: reason ?? 'no hardware acceleration',
        hint: 'QEMU runs without it: set MSB_VMM=qemu or leave the choice to microsandbox',
      };
    }
    return { available: true, accelerators: hardware, version: LIBKRUN_VERSION };
  },

  /** Resolves when the machine's process has its description; whether it can be built shows in `exited`. */
  async launch(spec: VmSpec, options: KrunLaunchOptions = {}): Promise<KrunProcess> {
    const readable = await extentsOf(spec);
    options.signal?.throwIfAborted();
    const { program, args } = machineProgram();
    const machine = spawnMachine({
      program,
      args: () => args,
      channels: [
        DESCRIPTION,
        ...spec.ports.map(portChannel),
        ...(spec.network ? [NETWORK] : []),
        ...(options.serial ? [SERIAL] : []),
      ],
    });
    options.signal?.addEventListener('abort', machine.kill, { once: true });
    const fdOf = new Map([...machine.channels.keys()].map((name, index) => [name, index + 3]));
    const fd = (name: string): number => fdOf.get(name) ?? -1;
    const description = krunMachine(
      spec,
      {
        ports: new Map(spec.ports.map((name) => [name, fd(portChannel(name))])),
        ...(spec.network && { network: fd(NETWORK) }),
        ...(options.serial && { serial: fd(SERIAL) }),
      },
      readable,
    );
    channelOf(machine.channels, DESCRIPTION).end(JSON.stringify(description));
    const network = machine.channels.get(NETWORK);
    const serial = machine.channels.get(SERIAL);
    return {
      pid: machine.pid,
      version: LIBKRUN_VERSION,
      // libkrun does not say when the guest opens a port; the agent's first frame does.
      guestStarted: new Promise(() => {}),
      ports: new Map(spec.ports.map((name) => [name, channelOf(machine.channels, portChannel(name))])),
      ...(network && { network }),
      ...(serial && { serial }),
      exited: machine.exited,
      kill: machine.kill,
    };
  },
} as const satisfies VmDriver;

const portChannel = (name: string): string => `port ${name}`;

function channelOf(channels: ReadonlyMap<string, Duplex>, name: string): Duplex {
  const channel = channels.get(name);
  if (channel === undefined) throw new RangeError(`no channel ${name}`);
  return channel;
}

/** Files behind the VMDK disks, which the machine's process must be able to read. */
async function extentsOf(spec: VmSpec): Promise<string[]> {
  const disks = spec.disks.filter(({ format }) => format === 'vmdk');
  const lists = await Promise.all(
    disks.map(async ({ path }) => vmdkExtents(await readFile(path, 'utf8'), path)),
  );
  return lists.flat();
}
