import { DatabaseError, MicrosandboxError } from '@microsandbox/types';
import Database from 'better-sqlite3';

/**
 * Gives an error of the driver its place in the error family; everything else is returned as it is.
 */
export function toDatabaseError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const message = `database error: ${error.message}`;
  if (error.code === 'SQLITE_FULL') {
    return new MicrosandboxError('noSpace', message, {
      cause: error,
      hint: 'free space on the file system of MSB_HOME and try again',
    });
  }
  if (error.code.startsWith('SQLITE_CORRUPT') || error.code === 'SQLITE_NOTADB') {
    return new DatabaseError(message, {
      cause: error,
      hint: 'move db/msb.db away; the sandbox folders stay, their records are lost',
    });
  }
  return new DatabaseError(message, { cause: error });
}
