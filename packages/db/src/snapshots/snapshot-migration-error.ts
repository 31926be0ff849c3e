/** Step of a translation, in their order, as the journal names them. */
export type MigrationPhase =
  | 'discovered'
  | 'planned'
  | 'descriptor_published'
  | 'index_published'
  | 'complete';

/** Why one legacy snapshot was not translated. Recorded in the journal; never ends the opening of the catalog. */
export class SnapshotMigrationError extends Error {
  override readonly name = 'SnapshotMigrationError';
  readonly code: string;
  readonly phase: MigrationPhase;

  constructor(code: string, detail: string, phase: MigrationPhase = 'discovered') {
    super(detail);
    this.code = code;
    this.phase = phase;
  }
}
