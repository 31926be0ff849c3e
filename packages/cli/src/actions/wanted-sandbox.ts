import type { SandboxOptions } from '../commands/sandbox-options.ts';
import type { SandboxFile } from '../config-file/sandbox-schema.ts';
import { type WantedImage, wantedImage } from '../config-file/wanted-image.ts';

/** What a command line asks for, its configuration files read. */
export interface WantedSandbox {
  readonly image: WantedImage;
  readonly file: SandboxFile;
}

/**
 * Reads the configuration files of a command line, if any.
 *
 * @throws InvalidConfigError for a file that cannot be used, and when nothing names an image
 */
export async function wantedSandbox(
  image: string | undefined,
  { conf = [] }: SandboxOptions,
): Promise<WantedSandbox> {
  const file = conf.length === 0 ? {} : await loaded(conf);
  return { image: wantedImage(image, file), file };
}

/** The reader of YAML is loaded only when there is some. */
async function loaded(conf: NonNullable<SandboxOptions['conf']>): Promise<SandboxFile> {
  const { loadConfigFiles } = await import('../config-file/load-config-files.ts');
  return loadConfigFiles(conf);
}
