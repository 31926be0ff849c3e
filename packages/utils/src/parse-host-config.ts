import { type HostConfig, hostConfigSchema, InvalidConfigError } from '@microsandbox/types';

/**
 * Reads the text of a `config.json`.
 *
 * @throws InvalidConfigError naming `path`, and the key that is not acceptable
 */
export function parseHostConfigJson(text: string, path: string): HostConfig {
  try {
    const parsed = hostConfigSchema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    throw new Error(`${where === '' ? '' : `${where}: `}${issue?.message ?? 'invalid'}`);
  } catch (error) {
    throw new InvalidConfigError(
      `invalid config: failed to parse config \`${path}\`: ${(error as Error).message}`,
      { cause: error, hint: `correct or remove ${path}` },
    );
  }
}
