import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that is gone after the test. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'msb-network-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
