import { join } from 'node:path';
import { acquireFileLock, type FileLock } from '@microsandbox/utils';
import type { Database } from 'better-sqlite3';
import { retryBusy } from '../retry-busy.ts';
import { findLegacyArtifacts } from './find-legacy-artifacts.ts';
import { inspectArtifact, type LegacyArtifact } from './inspect-artifact.ts';
import {
  isJournaled,
  type JournalRow,
  journalDiscovered,
  journalFailure,
  journalPhase,
  journalPlanned,
  readJournal,
} from './migration-journal.ts';
import { type KnownSnapshots, type PlannedTranslation, planTranslations } from './plan-translations.ts';
import { isCanonical, publishDescriptor, retireDescriptor } from './publish-artifact.ts';
import { SNAPSHOT_FILES } from './snapshot-files.ts';
import { countChildren, type IndexedSnapshot, indexedSnapshots, indexTranslated } from './snapshot-index.ts';
import { type MigrationPhase, SnapshotMigrationError } from './snapshot-migration-error.ts';
import { endTranslationLease, takeTranslationLease } from './translation-lease.ts';

/** Where to translate. The caller holds the migration lock of the catalog. */
export interface TranslationOptions {
  readonly snapshotsDir: string;
  /** How long to wait for others, in milliseconds. */
  readonly patienceMs: number;
}

/**
 * Turns the snapshots of releases up to 0.6.6 into those of this one (spec: state 22): a canonical `snapshot.json`
 * in place of `manifest.json`, parents by their new identities, rows in the index. Every step leaves files and
 * journal in a state from which the next opening goes on. Why a snapshot was left alone stands in the journal.
 *
 * @throws whatever keeps the whole from being done; nothing is half done then
 */
export async function translateLegacySnapshots(db: Database, options: TranslationOptions): Promise<void> {
  const indexed = indexedSnapshots(db);
  const journal = readJournal(db);
  const paths = await findLegacyArtifacts(
    options.snapshotsDir,
    indexed.map((row) => row.artifact_path),
  );
  if (paths.length === 0 && journal.every(isSettled)) return;
  // Files are about to follow what the catalog says, so a commit has to outlive a power failure too.
  db.pragma('synchronous = FULL');
  try {
    await new SnapshotTranslator(db, options.patienceMs, journal).run(paths, indexed);
  } finally {
    db.pragma('synchronous = NORMAL');
  }
}

function isSettled({ phase, error_code }: JournalRow): boolean {
  return phase === 'complete' || (error_code !== null && phase !== 'index_published');
}

class SnapshotTranslator {
  readonly #db: Database;
  readonly #patienceMs: number;
  /** As it was before. */
  readonly #journal: ReadonlyMap<string, JournalRow>;

  constructor(db: Database, patienceMs: number, journal: readonly JournalRow[]) {
    this.#db = db;
    this.#patienceMs = patienceMs;
    this.#journal = new Map(journal.map((row) => [row.artifact_path, row]));
  }

  async run(paths: readonly string[], indexed: readonly IndexedSnapshot[]): Promise<void> {
    await this.#finishRetired();
    const discovered = paths.filter((path) => !this.#journal.has(path));
    if (discovered.length > 0) await this.#write((db) => journalDiscovered(db, discovered));
    const artifacts: LegacyArtifact[] = [];
    for (const path of paths) {
      const error = await failureOf('discovered', async () => {
        artifacts.push(await inspectArtifact(path));
      });
      if (error !== null) await this.#recordFailure(path, error);
    }
    if (artifacts.length === 0) return;
    const { planned, failures } = planTranslations(artifacts, await this.#known(indexed));
    for (const [path, error] of failures) await this.#recordFailure(path, error);
    if (planned.length > 0) await this.#translate(planned);
  }

  /** Snapshots whose translation was interrupted between its last step and the note of it. */
  async #finishRetired(): Promise<void> {
    for (const { artifact_path: path, phase } of this.#journal.values()) {
      if (phase !== 'index_published' || !(await isCanonical(path))) continue;
      await this.#write((db) => journalPhase(db, path, 'complete'));
    }
  }

  async #known(indexed: readonly IndexedSnapshot[]): Promise<KnownSnapshots> {
    const paths = new Map<string, string>();
    for (const { digest, artifact_path } of indexed) {
      if (await isCanonical(artifact_path)) paths.set(digest, artifact_path);
    }
    const translated = new Map<string, string>();
    for (const { source_digest, target_digest, phase } of this.#journal.values()) {
      const isIndexed = phase === 'index_published' || phase === 'complete';
      if (isIndexed && source_digest !== null && target_digest !== null) {
        translated.set(source_digest, target_digest);
      }
    }
    return { paths, translated };
  }

  async #translate(planned: readonly PlannedTranslation[]): Promise<void> {
    const lease = await this.#write((db) => {
      const taken = takeTranslationLease(db);
      if (taken !== null) for (const translation of planned) journalPlanned(db, translation);
      return taken;
    });
    // An installation began meanwhile; the next opening translates.
    if (lease === null) return;
    const locks: FileLock[] = [];
    const results = new Map<string, SnapshotMigrationError | null>();
    try {
      const published = await this.#publish(planned, locks, results);
      await this.#write((db) => {
        for (const translation of published) {
          indexTranslated(db, translation);
          journalPhase(db, translation.artifact.path, 'index_published');
        }
        countChildren(db);
      });
      for (const { artifact } of published) {
        const error = await failureOf('index_published', () => retireDescriptor(artifact.path));
        results.set(artifact.path, error);
      }
    } finally {
      // In one transaction: an abandoned lease is known by translations without a result.
      await this.#write((db) => {
        for (const [path, error] of results) {
          if (error === null) journalPhase(db, path, 'complete');
          else journalFailure(db, path, error);
        }
        endTranslationLease(db, lease);
      }).finally(() => Promise.all(locks.map((lock) => lock.release())));
    }
  }

  /** Publishes parents first, and none whose parent failed. Collects the locks it took, and failures. */
  async #publish(
    planned: readonly PlannedTranslation[],
    locks: FileLock[],
    failures: Map<string, SnapshotMigrationError | null>,
  ): Promise<PlannedTranslation[]> {
    const published: PlannedTranslation[] = [];
    const failed = new Set<string | null>();
    const deadline = performance.now() + this.#patienceMs;
    for (const translation of planned) {
      const { artifact, target, targetParent } = translation;
      const error = await failureOf('planned', async () => {
        if (failed.has(targetParent)) {
          throw new SnapshotMigrationError(
            'legacy_parent_missing',
            'its parent was not translated',
            'planned',
          );
        }
        const lock = join(artifact.path, SNAPSHOT_FILES.lock);
        locks.push(await acquireFileLock(lock, { timeoutMs: deadline - performance.now() }));
        await publishDescriptor(translation);
      });
      if (error === null) {
        await this.#write((db) => journalPhase(db, artifact.path, 'descriptor_published'));
        published.push(translation);
      } else {
        failures.set(artifact.path, error);
        failed.add(target.digest);
      }
    }
    return published;
  }

  async #recordFailure(path: string, error: SnapshotMigrationError): Promise<void> {
    if (isJournaled(this.#journal.get(path), error)) return;
    await this.#write((db) => journalFailure(db, path, error));
  }

  #write<T>(change: (db: Database) => T): Promise<T> {
    const transaction = this.#db.transaction(change);
    return retryBusy(() => transaction.immediate(this.#db), this.#patienceMs);
  }
}

/** Runs a step of one snapshot; gives what it failed with, or null. */
async function failureOf(
  phase: MigrationPhase,
  step: () => Promise<void>,
): Promise<SnapshotMigrationError | null> {
  try {
    await step();
    return null;
  } catch (error) {
    if (error instanceof SnapshotMigrationError) return error;
    return new SnapshotMigrationError('legacy_migration_io', (error as Error).message, phase);
  }
}
