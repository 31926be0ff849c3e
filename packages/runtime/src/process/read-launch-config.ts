import { InvalidConfigError, type LaunchConfig, launchConfigSchema } from '@microsandbox/types';

/**
 * Checks a launch configuration.
 *
 * @throws InvalidConfigError `invalid launch config: ...`
 */
export function readLaunchConfig(value: unknown): LaunchConfig {
  const parsed = launchConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new InvalidConfigError(`invalid launch config: ${where}: ${issue?.message ?? 'invalid'}`);
}
