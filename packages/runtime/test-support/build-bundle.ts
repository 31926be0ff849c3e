import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Bundles the sandbox process once before the tests, so that they start what the sources say. */
export default async function buildBundle(): Promise<void> {
  await promisify(execFile)('tsup', ['--config', 'tsup.config.ts'], {
    cwd: new URL('..', import.meta.url),
    timeout: 120_000,
  });
}
