/** What is to become of a sandbox. Sizes in MiB. */
export interface ModifyOptions {
  readonly cpus?: number;
  readonly maxCpus?: number;
  readonly memory?: number;
  readonly maxMemory?: number;
  readonly rootDiskSize?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly envRemove?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly labelsRemove?: readonly string[];
  readonly workdir?: string;
  readonly secrets?: Readonly<Record<string, SecretModifySpec>>;
  readonly secretsRemove?: readonly string[];
  /** What may happen to a running sandbox; nothing that ends it when not set. */
  readonly policy?: ModificationPolicy;
  /** Only plans. */
  readonly dryRun?: boolean;
}

/** A change of one secret. */
export interface SecretModifySpec {
  readonly env?: string;
  readonly value?: string;
  readonly store?: string;
  readonly placeholder?: string;
  readonly allowedHosts?: readonly string[];
}

export const MODIFICATION_POLICIES = ['no_restart', 'next_start', 'restart'] as const;
export type ModificationPolicy = (typeof MODIFICATION_POLICIES)[number];

/** When a change takes effect. */
export type ModificationDisposition = 'live' | 'next start' | 'requires restart' | 'unsupported';

export type ChangeKind = 'added' | 'updated' | 'removed';

/** A change of the configuration. */
export interface ConfigPlannedChange {
  readonly kind: 'config';
  readonly field: string;
  readonly change: ChangeKind;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  readonly disposition: ModificationDisposition;
  readonly reason?: string | undefined;
}

export type SecretChangeKind =
  | 'added'
  | 'rotated'
  | 'removed'
  | 'renamed'
  | 'hosts updated'
  | 'placeholder updated';

/** A change of a secret. */
export interface SecretPlannedChange {
  readonly kind: 'secret';
  readonly field: 'secret';
  readonly name: string;
  readonly change: SecretChangeKind;
  readonly beforeRef?: string | undefined;
  readonly afterRef?: string | undefined;
  readonly disposition: ModificationDisposition;
  readonly allowHosts: string[];
  readonly reason?: string | undefined;
}

export type PlannedChange = ConfigPlannedChange | SecretPlannedChange;

/** Why a modification cannot be. */
export interface ModificationConflict {
  readonly field: string;
  readonly message: string;
}

/** What its maker should know. */
export interface ModificationWarning {
  readonly field: string;
  readonly message: string;
}

export type ResourceKind = 'cpus' | 'memory';
export type ResourceConvergenceState = 'accepted' | 'converging' | 'applied' | 'guest-refused' | 'failed';

/** How far a change of a running machine has come. */
export interface ResourceResizeStatus {
  readonly resource: ResourceKind;
  readonly requested: string;
  readonly actual: string;
  readonly enforced: string;
  readonly state: ResourceConvergenceState;
}

/** What a modification changes, and whether it has. */
export interface SandboxModificationPlan {
  readonly sandbox: string;
  readonly status: string;
  readonly applied: boolean;
  readonly policy: ModificationPolicy;
  readonly changes: PlannedChange[];
  readonly conflicts: ModificationConflict[];
  readonly warnings: ModificationWarning[];
  readonly resizeStatus: ResourceResizeStatus[];
}
