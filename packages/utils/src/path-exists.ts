import { access } from 'node:fs/promises';

/** Whether something is at a path, links followed; what may not be looked at counts as absent. */
export function pathExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
