import type { Duplex } from 'node:stream';
import type { VmCounters } from './vm-counters.ts';

/** Format of a disk file, as every driver understands it. */
export type DiskFormat = 'raw' | 'qcow2' | 'vmdk';

/** How a guest's flush reaches the host: `none` ignores it, `full` reaches the medium. */
export type DiskSync = 'none' | 'relaxed' | 'full';

/** One virtio block device. Position in {@link VmSpec.disks} is its position in the guest: vda, vdb, ... */
export interface VmDisk {
  /** Serial that the guest can check, at most 20 bytes. */
  readonly id: string;
  /** Absolute path on the host. */
  readonly path: string;
  readonly format: DiskFormat;
  readonly readOnly: boolean;
  readonly sync: DiskSync;
}

/** Hardware acceleration, or its absence: `tcg` is software emulation. */
export type Accelerator = 'kvm' | 'hvf' | 'tcg';

/**
 * What a machine is, for every driver. It names files and devices; sockets are made by the driver and handed
 * out by {@link VmProcess}.
 */
export interface VmSpec {
  /** Sandbox name, for process titles and messages only. */
  readonly name: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Kernel as an ELF file with a PVH note. */
  readonly kernelPath: string;
  readonly initramfsPath: string;
  /** Kernel parameters without device descriptions; nothing in them belongs to one sandbox. */
  readonly commandLine: readonly string[];
  readonly disks: readonly VmDisk[];
  /** Names of console ports, in order; `agent` is always the first, and those of shared folders follow. */
  readonly ports: readonly string[];
  /** Network interface; frames with 4-byte big-endian length go through {@link VmProcess.networkSocket}. */
  readonly network?: { readonly mac: string };
  /** File that receives the guest's console, truncated at start. */
  readonly kernelLogPath: string;
  readonly accelerator: Accelerator;
}

/** How a virtual machine monitor ended. */
export interface VmExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Last part of what the monitor wrote to its standard error, at most 16 KiB. */
  readonly stderrTail: string;
}

/** A started virtual machine monitor. */
export interface VmProcess {
  readonly pid: number;
  readonly ports: ReadonlyMap<string, Duplex>;
  /** Descriptors of the ports `fs.0`, `fs.1`, ...: connected stream sockets. They belong to whoever takes them. */
  readonly shareSockets: ReadonlyMap<string, number>;
  /** Descriptor of the interface's frames: a connected stream socket. It belongs to whoever takes it. */
  readonly networkSocket?: number;
  /** Version of the monitor. */
  readonly version: string;
  /** Settles when the guest's PID 1 opened its first port; never, when it does not come that far. */
  readonly guestStarted: Promise<void>;
  /** Settles when the guest closed the port `agent`, which ends the agent's use; absent where the monitor does not tell. */
  readonly agentLeft?: Promise<void>;
  /** Settles exactly once, when the process is gone and reaped. Never rejects. */
  readonly exited: Promise<VmExit>;
  /** Asks the monitor; absent where it has no answer. Rejects when the monitor is gone. */
  readonly counters?: () => Promise<VmCounters>;
  /** Ends the monitor at once; a second call does nothing. */
  kill(): void;
}

/** Why something cannot be had here, and the way out. */
export interface VmObstacle {
  readonly reason: string;
  readonly hint: string;
}

/** What a driver's machines can do on this host. */
export interface VmFeatures {
  /** The processor itself runs the guest. */
  readonly hardware: boolean;
  /** Linux boots, not only guests made for tests. */
  readonly linux: boolean;
  /** Processors and memory of a running machine can change. */
  readonly resize: boolean;
  /** Memory can be saved, and machines wake from it. */
  readonly snapshot: boolean;
  /** Folders of the host can be shared; they travel on console ports. */
  readonly shares: boolean;
  readonly network: boolean;
  /** Sockets of the host can be reached from the guest and the other way round, over console ports. */
  readonly sockets: boolean;
}

/** Whether and how a driver can run here, and what that was seen from. */
export type VmCapabilities = { readonly evidence: readonly string[] } & (
  | {
      readonly available: true;
      readonly accelerators: readonly Accelerator[];
      /** Version text of the monitor. */
      readonly version: string;
      readonly features: VmFeatures;
    }
  | ({ readonly available: false } & VmObstacle)
);

/** Where a driver looks when it probes. */
export interface VmProbeOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Keeps what is costly to find out until the host restarts; without it nothing is kept. */
  readonly cacheDir?: string;
}

/** How to launch. */
export interface VmLaunchOptions {
  /** Ends the launch and the monitor with it. */
  readonly signal?: AbortSignal;
  /** Called when the monitor's process exists, which may be long before it answers. */
  readonly onSpawn?: () => void;
}

/** One way to run a {@link VmSpec}. */
export interface VmDriver {
  readonly name: 'krun' | 'qemu';
  /** Quick, without side effects on the host, and it never throws for what is merely missing. */
  probe(options: VmProbeOptions): Promise<VmCapabilities>;
  launch(spec: VmSpec, options?: VmLaunchOptions): Promise<VmProcess>;
}

/** The decision for a driver and an accelerator, with its reason in words. */
export interface VmmChoice {
  readonly driver: 'krun' | 'qemu';
  readonly accelerator: Accelerator;
  /** For people: `no vmx/svm in /proc/cpuinfo, so software emulation`. */
  readonly reason: string;
}

/** What somebody wants instead of the automatic choice. */
export interface VmmWish {
  readonly vmm?: 'auto' | 'krun' | 'qemu' | undefined;
  readonly accel?: 'auto' | Accelerator | undefined;
}
