import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { addon, type InheritedDescriptor, type SupervisedExit } from '@microsandbox/native';
import type { VmExit, VmProcess, VmSpec } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import { OutputRing } from './output-ring.ts';
import { qemuArguments } from './qemu-arguments.ts';
import { QmpClient } from './qmp-client.ts';

/** A started QEMU, whose version is not known before its monitor greets. */
export interface QemuProcess extends Omit<VmProcess, 'version'> {
  readonly monitor: QmpClient;
}

/** Bytes of QEMU's own messages that are kept for diagnosis. */
const STDERR_TAIL_BYTES = 16 * 1024;

/** How long after the exit the rest of the output may take. */
const OUTPUT_GRACE_MS = 200;

/** First descriptor number in the child that carries a channel. */
const FIRST_CHILD_FD = 3;

/** Starts `program` with one socket pair for each channel of the machine. */
export function spawnQemu(program: string, spec: VmSpec): QemuProcess {
  const native = addon();
  const descriptors: InheritedDescriptor[] = [];
  const hostEnds: number[] = [];
  /** Makes a channel and returns its number in the child; our end is kept under the returned index. */
  const channel = (): { readonly childFd: number; readonly hostFd: number } => {
    const [hostFd, fd] = native.socketPair();
    const childFd = FIRST_CHILD_FD + descriptors.length;
    descriptors.push({ childFd, fd });
    hostEnds.push(hostFd);
    return { childFd, hostFd };
  };
  const output = native.pipe();
  let pid: number;
  let exit: Promise<SupervisedExit>;
  const monitor = channel();
  const ports = new Map(spec.ports.map((name) => [name, channel()]));
  const network = spec.network === undefined ? undefined : channel();
  try {
    ({ pid, exited: exit } = native.spawnSupervised({
      program,
      args: qemuArguments(spec, {
        monitor: monitor.childFd,
        ports: new Map([...ports].map(([name, { childFd }]) => [name, childFd])),
        ...(network && { network: network.childFd }),
      }),
      // QEMU needs no variable of ours, and its environment is readable by the user's other processes.
      env: ['LC_ALL=C', 'PATH=/usr/bin:/bin'],
      outputFd: output[1],
      descriptors,
    }));
  } catch (error) {
    for (const fd of [...hostEnds, output[0]]) closeSync(fd);
    throw error;
  } finally {
    for (const { fd } of descriptors) closeSync(fd);
    closeSync(output[1]);
  }
  const stderr = collect(output[0]);
  let running = true;
  const exited = exit.then(async (status) => {
    running = false;
    return describeExit(status, await stderr.tail());
  });
  const qmp = new QmpClient(open(monitor.hostFd));
  return {
    pid,
    monitor: qmp,
    guestStarted: new Promise((resolve) => {
      const done = qmp.onEvent(({ event, data }) => {
        if (event !== 'VSERPORT_CHANGE' || !(data as { open?: boolean }).open) return;
        done();
        resolve();
      });
    }),
    ports: new Map([...ports].map(([name, { hostFd }]) => [name, open(hostFd)])),
    ...(network && { network: open(network.hostFd) }),
    exited,
    kill: () => {
      if (running) killIfThere(pid);
    },
  };
}

/** A process can be reaped a moment before its exit is told here. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

function open(fd: number): Duplex {
  return new Socket({ fd, readable: true, writable: true });
}

/** Reads a pipe to its end and keeps the last part. */
function collect(fd: number): { tail(): Promise<string> } {
  const ring = new OutputRing(STDERR_TAIL_BYTES);
  const pipe = new Socket({ fd, readable: true, writable: false });
  pipe.on('data', (chunk: Buffer) => ring.push(chunk));
  pipe.on('error', () => {});
  const ended = new Promise<void>((resolve) => pipe.once('close', () => resolve()));
  return {
    async tail() {
      const grace = setTimeout(() => pipe.destroy(), OUTPUT_GRACE_MS);
      await ended;
      clearTimeout(grace);
      return ring.toString();
    },
  };
}

function describeExit({ code, signal }: SupervisedExit, stderrTail: string): VmExit {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return { code, signal: (name ?? null) as NodeJS.Signals | null, stderrTail };
}
