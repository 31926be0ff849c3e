import type { LegacyArtifact } from './inspect-artifact.ts';
import { SnapshotMigrationError } from './snapshot-migration-error.ts';
import { type TranslatedDescriptor, translateDescriptor } from './translate-descriptor.ts';

/** Longest chain of legacy parents above a snapshot. */
const MAX_PARENT_DEPTH = 128;

/** What to make of one legacy snapshot. */
export interface PlannedTranslation {
  readonly artifact: LegacyArtifact;
  readonly target: TranslatedDescriptor;
  /** Its parent's new identity. */
  readonly targetParent: string | null;
}

/** What the catalog knows about snapshots that are translated already. */
export interface KnownSnapshots {
  /** Folder of each canonical digest. */
  readonly paths: ReadonlyMap<string, string>;
  /** New digest of each legacy one. */
  readonly translated: ReadonlyMap<string, string>;
}

/** Translations in an order in which parents come before their children, and what stands against the others. */
export interface TranslationPlan {
  readonly planned: readonly PlannedTranslation[];
  readonly failures: ReadonlyMap<string, SnapshotMigrationError>;
}

/** Plans the translation of a set of snapshots, so that each names its parent by the parent's new identity. */
export function planTranslations(
  artifacts: readonly LegacyArtifact[],
  known: KnownSnapshots,
): TranslationPlan {
  return new Planner(artifacts, known).plan();
}

class Planner {
  readonly #artifacts: readonly LegacyArtifact[];
  readonly #known: KnownSnapshots;
  /** By either legacy digest; null where two folders claim it. */
  readonly #bySource = new Map<string, LegacyArtifact | null>();
  readonly #planned = new Map<LegacyArtifact, PlannedTranslation>();
  readonly #failures = new Map<string, SnapshotMigrationError>();
  readonly #targets: Map<string, string>;

  constructor(artifacts: readonly LegacyArtifact[], known: KnownSnapshots) {
    this.#artifacts = artifacts;
    this.#known = known;
    this.#targets = new Map(known.paths);
    for (const artifact of artifacts) {
      for (const digest of new Set([artifact.legacy.digest, artifact.rawDigest])) {
        this.#bySource.set(digest, this.#bySource.has(digest) ? null : artifact);
      }
    }
  }

  plan(): TranslationPlan {
    for (const artifact of this.#artifacts) {
      try {
        this.#visit(artifact, new Set());
      } catch (error) {
        if (!(error instanceof SnapshotMigrationError)) throw error;
        this.#failures.set(artifact.path, error);
      }
    }
    return { planned: [...this.#planned.values()], failures: this.#failures };
  }

  /** `below` are the descendants through which the walk came here. */
  #visit(artifact: LegacyArtifact, below: ReadonlySet<LegacyArtifact>): PlannedTranslation {
    const done = this.#planned.get(artifact);
    if (done !== undefined) return done;
    if (below.has(artifact)) fail('legacy_parent_cycle', 'the parents of the snapshot form a cycle');
    if (below.size > MAX_PARENT_DEPTH) {
      fail('legacy_graph_too_deep', `the snapshot has more than ${MAX_PARENT_DEPTH} parents`);
    }
    if (this.#bySource.get(artifact.legacy.digest) === null) {
      fail('legacy_index_conflict', `${artifact.legacy.digest} is present in several folders`);
    }
    const targetParent = this.#parentOf(artifact, new Set([...below, artifact]));
    const target = translateDescriptor(artifact.legacy, targetParent);
    this.#assertFree(artifact, target);
    const planned = { artifact, target, targetParent };
    this.#planned.set(artifact, planned);
    this.#targets.set(target.digest, artifact.path);
    return planned;
  }

  #parentOf({ legacy: { parent } }: LegacyArtifact, below: ReadonlySet<LegacyArtifact>): string | null {
    if (parent === null) return null;
    const artifact = this.#bySource.get(parent);
    if (artifact) return this.#visit(artifact, below).target.digest;
    if (this.#known.paths.has(parent)) return parent;
    return (
      this.#known.translated.get(parent) ?? fail('legacy_parent_missing', `parent ${parent} is not available`)
    );
  }

  #assertFree({ path, published }: LegacyArtifact, { digest, text }: TranslatedDescriptor): void {
    if (published !== null && !published.equals(Buffer.from(text))) {
      fail('legacy_target_collision', 'an unexpected snapshot.json already exists');
    }
    const other = this.#targets.get(digest);
    if (other !== undefined && other !== path) {
      fail('legacy_target_collision', `target identity already belongs to ${other}`);
    }
  }
}

function fail(code: string, detail: string): never {
  throw new SnapshotMigrationError(code, detail, 'planned');
}
