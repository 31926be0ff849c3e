import type { VmmChoice } from '@microsandbox/types';

/** A port of the host that leads into the guest. */
export interface PublishedPortInfo {
  readonly hostBind: string;
  /** The real one, also where any free one was asked for. */
  readonly hostPort: number;
  readonly guestPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** How a running sandbox came to life. */
export interface BootOrigin {
  /** Which virtual machine monitor and accelerator run the sandbox, and why. */
  readonly vmm: VmmChoice;
  /** `warm`: woken from a template; `cold`: booted. */
  readonly boot: 'cold' | 'warm';
  /** Why it was booted, for people; null when it woke. */
  readonly bootReason: string | null;
  /** Ports of the host that lead into the guest; those that could not be bound are missing. */
  readonly ports: readonly PublishedPortInfo[];
}

/** How a start went. */
export interface BootInfo extends BootOrigin {
  /** Milliseconds that each part took. */
  readonly phasesMs: {
    /** Finding or pulling the image; 0 for a start of an existing sandbox. */
    readonly image: number;
    /** Making the sandbox's own disks. */
    readonly disks: number;
    /** Until the monitor answered. */
    readonly vmmSpawn: number;
    /** Until the guest's first process ran. */
    readonly kernel: number;
    /** Until the agent took commands. */
    readonly agentReady: number;
  };
}

/** A step of a start, reported when it is reached. */
export interface BootPhaseEvent {
  readonly phase: 'image' | 'disks' | 'spawn' | 'vmm' | 'kernel' | 'agent' | 'ready';
  /** Milliseconds since the sandbox process was started; for `image` and `disks`, how long they took. */
  readonly elapsedMs: number;
}

/** Hears of every step of a start. */
export type BootPhaseListener = (event: BootPhaseEvent) => void;
