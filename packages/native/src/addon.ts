import type { VmDisk } from '@microsandbox/types';
import type { CertificateAddon } from './certificates.ts';
import type { JsonLinesAddon } from './json-lines.ts';
import type { LayerNatives } from './layers.ts';
import type { MetricsAddon } from './metrics.ts';
import type { NetworkNatives } from './network.ts';
import type { ShareAddon } from './shares.ts';

/** Result of reading a guest kernel out of a libkrunfw library file (spec: runtime B3, D2). */
export interface ExtractedKernel {
  /** The kernel's bytes, as they must lie in guest memory from {@link loadAddress} on. */
  readonly image: Buffer;
  readonly loadAddress: bigint;
  /** 64-bit entry point. */
  readonly entryAddress: bigint;
  /** 32-bit PVH entry point from the kernel's own note, or the load address when it has none. */
  readonly pvhEntryAddress: bigint;
}

/** How {@link NativeAddon.spawnSupervised} places one descriptor into the child. */
export interface InheritedDescriptor {
  /** Number in the child, 3 or higher. */
  readonly childFd: number;
  /** Number in this process. It stays open here; the caller closes it. */
  readonly fd: number;
}

/** A program to run under supervision. */
export interface SupervisedCommand {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Complete environment, `KEY=VALUE`; nothing is inherited. */
  readonly env: readonly string[];
  /** Descriptor that becomes standard output and error; both are `/dev/null` without it. */
  readonly outputFd?: number;
  readonly descriptors: readonly InheritedDescriptor[];
}

/** How a supervised process ended. */
export interface SupervisedExit {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  /** Signal number, or null. */
  readonly signal: number | null;
}

/** A machine for {@link NativeAddon.krunEnter}. Descriptors are numbers in the calling process. */
export interface KrunMachine {
  readonly cpus: number;
  readonly memoryMib: number;
  /** ELF file. */
  readonly kernelPath: string;
  readonly initramfsPath?: string;
  readonly commandLine: string;
  readonly disks: readonly VmDisk[];
  readonly ports: readonly { readonly name: string; readonly fd: number }[];
  readonly network?: { readonly fd: number; readonly mac: readonly number[] };
  readonly kernelLogPath?: string;
  /** Receives the first serial port, for guests without a virtio console. */
  readonly serialFd?: number;
  /** Files and folders that disks refer to, such as the extents of a VMDK. */
  readonly readable: readonly string[];
}

/** What of making a virtual machine this host refuses. */
export interface KvmRefusal {
  readonly step: 'open' | 'KVM_CREATE_VM';
  /** Positive error number. */
  readonly errno: number;
}

/** Functions of the native addon; what Node itself does not offer. */
export interface NativeAddon
  extends CertificateAddon,
    JsonLinesAddon,
    LayerNatives,
    MetricsAddon,
    NetworkNatives,
    ShareAddon {
  /**
   * Takes or releases an advisory `flock(2)` on an open file description without blocking.
   *
   * @returns false when another description holds a conflicting lock
   * @throws NixError for anything but contention
   */
  tryFlock(fd: number, mode: 'exclusive' | 'shared' | 'unlock'): boolean;

  /**
   * What is written to the terminal behind `fd` reaches it unchanged from now on, until the terminal's earlier settings
   * are put back.
   */
  disableOutputProcessing(fd: number): void;

  /** Connected pair of stream sockets, close-on-exec. */
  socketPair(): [number, number];

  /** Pipe `[read, write]`, close-on-exec. */
  pipe(): [number, number];

  /**
   * Starts a program that ends when this process ends (on Linux by SIGKILL: PR_SET_PDEATHSIG, and a pipe), with
   * no_new_privs, standard input `/dev/null`, and no descriptors but those listed and, on Linux, that pipe.
   */
  spawnSupervised(command: SupervisedCommand): {
    readonly pid: number;
    readonly exited: Promise<SupervisedExit>;
  };

  /**
   * Frequency of the processor's time stamp counter in kHz, measured for some 40 ms off the event loop; null where
   * there is none.
   */
  measureTscKhz(): Promise<number | null>;

  /** Reads the kernel by the library's ELF symbols; the library is not loaded and none of its code runs. */
  extractKernel(libkrunfwPath: string): Promise<ExtractedKernel>;

  /** Makes an empty virtual machine through `/dev/kvm` and drops it; tells which step fails, or null. */
  probeKvm(): Promise<KvmRefusal | null>;

  /** Why no virtual processor can be made on this host, or null when one can. */
  krunUnavailable(): string | null;

  /**
   * Confines this process to the machine's files and turns it into the machine (libkrun). Never returns from a
   * machine that ran: the process ends with the guest.
   *
   * @throws RuntimeError when the machine cannot be built
   */
  krunEnter(machine: KrunMachine): void;
}
