import type { ImageConfig, SandboxConfigRecord } from '@microsandbox/types';
import { mergeEnvironment } from './environment.ts';

/** Asks for an init that is found. */
const AUTO = 'auto';

/** What counts as an init at the start of an image's entrypoint (spec: protocol 3). */
const INIT_PATHS: readonly string[] = [
  '/init',
  '/sbin/init',
  '/lib/systemd/systemd',
  '/usr/lib/systemd/systemd',
];

/** Takes the command to run as its arguments, as s6-overlay does; others only with an entrypoint behind them. */
const WRAPPING_INIT = '/init';

/** A configuration whose init may come from the image. */
export interface ImageInit {
  readonly config: SandboxConfigRecord;
  /** The init runs the sandbox's command; nobody else has to. */
  readonly ownsCommand: boolean;
}

/**
 * Resolves the init `auto` by the image's entrypoint, when that begins with an init. It then gets the sandbox's
 * environment, and the rest of the entrypoint stays for commands that run beside it.
 *
 * Where a command is given as well (`msb run`), and neither entrypoint nor arguments of the init were configured, the
 * init is handed entrypoint and command, and runs them itself.
 *
 * @param config configuration as the user wants it
 * @param merged the same over the image's settings
 * @param command command of a run; empty for the image's own, null when this is no run
 */
export function withImageInit(
  config: SandboxConfigRecord,
  merged: SandboxConfigRecord,
  image: ImageConfig,
  command: readonly string[] | null,
): ImageInit {
  const { init } = merged;
  const [path, ...behind] = image.entrypoint ?? [];
  if (init?.cmd !== AUTO || path === undefined || !INIT_PATHS.includes(path)) {
    return { config: merged, ownsCommand: false };
  }
  const isInherited = config.runtime.entrypoint === null;
  const isWrapper = path === WRAPPING_INIT || behind.length > 0;
  const args =
    isInherited && isWrapper && init.args.length === 0 && command !== null
      ? [...behind, ...(command.length > 0 ? command : (merged.runtime.cmd ?? []))]
      : [];
  const own = init.env.map(([key, value]) => ({ key, value }));
  const env = mergeEnvironment(merged.env, own).map(({ key, value }): [string, string] => [key, value]);
  const ownsCommand = args.length > 0;
  return {
    config: {
      ...merged,
      runtime: isInherited
        ? { ...merged.runtime, entrypoint: behind.length > 0 ? behind : null }
        : merged.runtime,
      init: { ...init, cmd: path, args: ownsCommand ? args : init.args, env },
    },
    ownsCommand,
  };
}

/** The configuration that is kept: a later start runs no command of this one. */
export function withoutInitCommand({ config, ownsCommand }: ImageInit): SandboxConfigRecord {
  if (!ownsCommand || config.init === null) return config;
  return { ...config, init: { ...config.init, args: [] } };
}
