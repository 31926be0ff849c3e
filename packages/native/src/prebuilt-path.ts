import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { RuntimeError } from '@microsandbox/types';

/**
 * Absolute path of a binary that belongs to this platform.
 *
 * Found through the package's name, not through this file's place, because bundlers move this file.
 *
 * @throws RuntimeError when the binary was not built or the platform is not supported
 */
export function prebuiltPath(file: 'microsandbox.node' | 'agentd'): string {
  const manifest = createRequire(import.meta.url).resolve('@microsandbox/native/package.json');
  const platform = `${process.platform}-${process.arch}`;
  const path = join(dirname(manifest), 'prebuilt', platform, file);
  if (existsSync(path)) return path;
  throw new RuntimeError(`native binary missing for ${platform}: ${path}`, {
    hint: 'run npm run build, or install a package of microsandbox that was built for this platform',
  });
}
