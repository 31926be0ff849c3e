import type { Duplex } from 'node:stream';
import type { VmProcess, VmSpec } from '@microsandbox/types';
import { AGENT_PORT, isSharePort } from '../vmm/guest-setup.ts';
import { spawnMachine } from '../vmm/supervised-machine.ts';
import { portDevice, type QemuTemplateOptions, qemuArguments } from './qemu-arguments.ts';
import { qemuCounters } from './qemu-counters.ts';
import { QmpClient } from './qmp-client.ts';

/** A started QEMU, whose version is not known before its monitor greets. */
export interface QemuProcess extends Omit<VmProcess, 'version'> {
  readonly monitor: QmpClient;
}

const MONITOR = 'monitor';
const NETWORK = 'network';
const portChannel = (name: string): string => `port ${name}`;

/** What a QEMU that belongs to a template needs besides its specification. */
export interface SpawnQemuOptions {
  readonly template?: QemuTemplateOptions;
  /** Open files to hand over, by name. */
  readonly files?: ReadonlyMap<string, number>;
  /** Told the files' descriptor numbers in the child. */
  readonly onDescriptors?: (fdOf: ReadonlyMap<string, number>) => void;
}

/** Starts `program` with one socket pair for each channel of the machine. */
export function spawnQemu(program: string, spec: VmSpec, options: SpawnQemuOptions = {}): QemuProcess {
  const machine = spawnMachine({
    program,
    ...(options.files && { files: options.files }),
    receiving: [portChannel(AGENT_PORT)],
    handedOver: [...spec.ports.filter(isSharePort).map(portChannel), NETWORK],
    channels: [MONITOR, ...spec.ports.map(portChannel), ...(spec.network ? [NETWORK] : [])],
    args: (fdOf) => {
      options.onDescriptors?.(fdOf);
      const fd = (name: string): number => fdOf.get(name) ?? -1;
      const descriptors = {
        monitor: fd(MONITOR),
        ports: new Map(spec.ports.map((name) => [name, fd(portChannel(name))])),
        ...(spec.network && { network: fd(NETWORK) }),
      };
      return qemuArguments(spec, descriptors, options.template);
    },
  });
  const channel = (name: string): Duplex => machine.channels.get(name) as Duplex;
  const monitor = new QmpClient(channel(MONITOR));
  return {
    pid: machine.pid,
    monitor,
    guestStarted: portChanged(monitor, ({ open }) => open === true),
    agentLeft: portChanged(
      monitor,
      ({ id, open }) => id === portDevice(spec.ports.indexOf(AGENT_PORT)) && open === false,
    ),
    ports: new Map(
      spec.ports.filter((name) => !isSharePort(name)).map((name) => [name, channel(portChannel(name))]),
    ),
    shareSockets: new Map(
      spec.ports.filter(isSharePort).map((name) => [name, machine.descriptors.get(portChannel(name)) ?? -1]),
    ),
    ...(spec.network && { networkSocket: machine.descriptors.get(NETWORK) ?? -1 }),
    exited: machine.exited,
    counters: () => qemuCounters(monitor),
    kill: machine.kill,
  };
}

/** Waits until the guest opens or closes a port. */
function portChanged(
  monitor: QmpClient,
  isMeant: (change: { readonly id?: string; readonly open?: boolean }) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const done = monitor.onEvent(({ event, data }) => {
      if (event !== 'VSERPORT_CHANGE' || !isMeant(data as object)) return;
      done();
      resolve();
    });
  });
}
