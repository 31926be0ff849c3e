import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { addon, type InheritedDescriptor, type SupervisedExit } from '@microsandbox/native';
import type { VmExit } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import { OutputRing } from './output-ring.ts';
import { ReceivingSocket } from './receiving-socket.ts';

/** Bytes of the monitor's own messages that are kept for diagnosis. */
const STDERR_TAIL_BYTES = 16 * 1024;

/** How long after the exit the rest of the output may take. */
const OUTPUT_GRACE_MS = 200;

/** First descriptor number in the child that carries a channel. */
const FIRST_CHILD_FD = 3;

/** A virtual machine monitor to start with one socket for each of its channels. */
export interface SupervisedMachineOptions {
  /** Absolute path. */
  readonly program: string;
  /** Names of the channels; the first gets descriptor 3 in the child, and so on. */
  readonly channels: readonly string[];
  /** Those of the channels that somebody else will serve: our ends of them stay descriptors. */
  readonly handedOver?: readonly string[];
  /** Those of the channels that are {@link ReceivingSocket}s. */
  readonly receiving?: readonly string[];
  /** Open files to hand over as well, by name; they stay open here. */
  readonly files?: ReadonlyMap<string, number>;
  /** Arguments, given each channel's and file's descriptor number in the child. */
  readonly args: (fdOf: ReadonlyMap<string, number>) => readonly string[];
}

/** A running monitor and our ends of its channels. */
export interface SupervisedMachine {
  readonly pid: number;
  readonly channels: ReadonlyMap<string, Duplex>;
  /** Our ends of the channels to hand over. */
  readonly descriptors: ReadonlyMap<string, number>;
  /** Settles exactly once, when the process is gone and reaped. Never rejects. */
  readonly exited: Promise<VmExit>;
  kill(): void;
}

/** Starts a monitor that dies with this process. */
export function spawnMachine(options: SupervisedMachineOptions): SupervisedMachine {
  const native = addon();
  const descriptors: InheritedDescriptor[] = [];
  const hostEnds = new Map<string, number>();
  for (const name of options.channels) {
    const [hostFd, fd] = native.socketPair();
    descriptors.push({ childFd: FIRST_CHILD_FD + descriptors.length, fd });
    hostEnds.set(name, hostFd);
  }
  const channelEnds = descriptors.map(({ fd }) => fd);
  for (const fd of options.files?.values() ?? []) {
    descriptors.push({ childFd: FIRST_CHILD_FD + descriptors.length, fd });
  }
  const names = [...options.channels, ...(options.files?.keys() ?? [])];
  const [outputFd, childOutput] = native.pipe();
  let pid: number;
  let exit: Promise<SupervisedExit>;
  try {
    ({ pid, exited: exit } = native.spawnSupervised({
      program: options.program,
      args: options.args(new Map(names.map((name, index) => [name, FIRST_CHILD_FD + index]))),
      // A monitor needs no variable of ours, and its environment is readable by the user's other processes.
      env: ['LC_ALL=C', 'PATH=/usr/bin:/bin'],
      outputFd: childOutput,
      descriptors,
    }));
  } catch (error) {
    for (const fd of [...hostEnds.values(), outputFd]) closeSync(fd);
    throw error;
  } finally {
    for (const fd of [...channelEnds, childOutput]) closeSync(fd);
  }
  const stderr = collect(outputFd);
  const isHandedOver = ([name]: readonly [string, number]): boolean =>
    options.handedOver?.includes(name) ?? false;
  const ours = [...hostEnds].filter((end) => !isHandedOver(end));
  let running = true;
  return {
    pid,
    channels: new Map(
      ours.map(([name, fd]) => [name, openChannel(fd, options.receiving?.includes(name) ?? false)]),
    ),
    descriptors: new Map([...hostEnds].filter(isHandedOver)),
    exited: exit.then(async (status) => {
      running = false;
      return describeExit(status, await stderr.tail());
    }),
    kill: () => {
      if (running) killIfThere(pid);
    },
  };
}

/** A broken channel shows by its `close`; that the monitor is gone is told by its exit. */
function openChannel(fd: number, isReceiving: boolean): Duplex {
  const socket = isReceiving ? new ReceivingSocket(fd) : new Socket({ fd });
  return socket.on('error', () => {});
}

/** A process can be reaped a moment before its exit is told here. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
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
