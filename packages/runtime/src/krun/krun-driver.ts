import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { addon } from '@microsandbox/native';
import type {
  VmCapabilities,
  VmDriver,
  VmExit,
  VmLaunchOptions,
  VmProbeOptions,
  VmProcess,
  VmSpec,
} from '@microsandbox/types';
import { canShare } from '../vmm/can-share.ts';
import { AGENT_PORT, isSharePort } from '../vmm/guest-setup.ts';
import { probeHardware } from '../vmm/probe-hardware.ts';
import { spawnMachine } from '../vmm/supervised-machine.ts';
import { krunMachine } from './krun-machine.ts';
import { machineNode, machineProgram } from './machine-program.ts';
import { vmdkExtents } from './vmdk-extents.ts';

/** Version of the libkrun that is linked into the addon. */
const LIBKRUN_VERSION = '1.19.7';

/** A libkrun machine. */
export interface KrunProcess extends VmProcess {
  /** Output of the first serial port, when it was asked for. */
  readonly serial?: Duplex;
}

/** Options of {@link krunDriver.launch}. */
export interface KrunLaunchOptions extends VmLaunchOptions {
  /** Connect the first serial port, for guests without a virtio console. */
  readonly serial?: boolean;
  /** Connect it and append what it says to the kernel log. */
  readonly serialLog?: boolean;
  /** Keeps the copy of Node that macOS lets make machines. */
  readonly cacheDir?: string;
}

const DESCRIPTION = 'description';
const NETWORK = 'network';
const SERIAL = 'serial';

/** Runs machines with libkrun: the fast way where hardware can run them. */
export const krunDriver = {
  name: 'krun',

  async probe({ env, cacheDir }: VmProbeOptions): Promise<VmCapabilities> {
    const { usable, obstacle } = await probeHardware(cacheDir === undefined ? {} : { cacheDir });
    const evidence = [`libkrun ${LIBKRUN_VERSION}, linked in`];
    const unchecked = isUnchecked(env);
    if (obstacle !== null && !unchecked) return { available: false, evidence, ...obstacle };
    const reason = addon().krunUnavailable();
    if (reason !== null) {
      return { available: false, evidence, reason, hint: 'see `dmesg | grep kvm`; QEMU runs without it' };
    }
    const hardware = usable.filter((accelerator) => accelerator !== 'tcg');
    return {
      available: true,
      accelerators: hardware.length > 0 ? hardware : ['kvm'],
      version: LIBKRUN_VERSION,
      evidence: [...evidence, obstacle?.reason ?? 'a virtual processor can be made'],
      features: {
        hardware: true,
        linux: obstacle === null,
        resize: false,
        snapshot: false,
        shares: canShare(),
        network: true,
        sockets: true,
      },
    };
  },

  /** Resolves when the machine's process has its description; whether it can be built shows in `exited`. */
  async launch(spec: VmSpec, options: KrunLaunchOptions = {}): Promise<KrunProcess> {
    const [readable, node] = await Promise.all([extentsOf(spec), machineNode(options.cacheDir)]);
    options.signal?.throwIfAborted();
    const wantsSerial = options.serial || options.serialLog;
    const { program, args } = machineProgram(node);
    const channels = [
      DESCRIPTION,
      ...spec.ports.map(portChannel),
      ...(spec.network ? [NETWORK] : []),
      ...(wantsSerial ? [SERIAL] : []),
    ];
    const machine = spawnMachine({
      program,
      args: () => args,
      channels,
      receiving: [portChannel(AGENT_PORT)],
      handedOver: [...spec.ports.filter(isSharePort).map(portChannel), NETWORK],
    });
    options.onSpawn?.();
    options.signal?.addEventListener('abort', machine.kill, { once: true });
    const fdOf = new Map(channels.map((name, index) => [name, index + 3]));
    const fd = (name: string): number => fdOf.get(name) ?? -1;
    const description = krunMachine(
      spec,
      {
        ports: new Map(spec.ports.map((name) => [name, fd(portChannel(name))])),
        ...(spec.network && { network: fd(NETWORK) }),
        ...(wantsSerial && { serial: fd(SERIAL) }),
      },
      readable,
    );
    channelOf(machine.channels, DESCRIPTION).end(JSON.stringify(description));
    const networkSocket = machine.descriptors.get(NETWORK);
    const serial = machine.channels.get(SERIAL);
    return {
      pid: machine.pid,
      version: LIBKRUN_VERSION,
      // libkrun does not say when the guest opens a port; the agent's first frame does.
      guestStarted: new Promise(() => {}),
      ports: new Map(
        spec.ports
          .filter((name) => !isSharePort(name))
          .map((name) => [name, channelOf(machine.channels, portChannel(name))]),
      ),
      shareSockets: new Map(
        spec.ports
          .filter(isSharePort)
          .map((name) => [name, machine.descriptors.get(portChannel(name)) ?? -1]),
      ),
      ...(networkSocket !== undefined && { networkSocket }),
      ...(options.serial && serial && { serial }),
      exited: options.serialLog && serial ? afterLog(machine.exited, serial, spec) : machine.exited,
      kill: machine.kill,
    };
  },
} as const satisfies VmDriver;

/**
 * `MSB_KRUN_UNCHECKED=1` lets libkrun try a host that cannot boot Linux: guests that are made for it, such as this
 * project's test guest, still run.
 */
export function isUnchecked(env: NodeJS.ProcessEnv): boolean {
  return env['MSB_KRUN_UNCHECKED'] === '1';
}

/** The exit, told when everything that the serial port said is in the log. */
async function afterLog(exited: Promise<VmExit>, serial: Duplex, spec: VmSpec): Promise<VmExit> {
  const log = createWriteStream(spec.kernelLogPath, { flags: 'a', mode: 0o600 });
  const logged = pipeline(serial, log).catch(() => {});
  const exit = await exited;
  await logged;
  return exit;
}

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
