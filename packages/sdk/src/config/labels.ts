import { invalidConfig } from './invalid-config.ts';

const RESERVED_PREFIXES = ['sandbox.', 'microsandbox.', 'service.'] as const;

/** Why a label key is not acceptable, or null. */
export function labelProblem(key: string): string | null {
  if (key === '') return 'label key must not be empty';
  const prefix = RESERVED_PREFIXES.find((reserved) => key.startsWith(reserved));
  return prefix === undefined ? null : `label key '${key}' uses reserved prefix '${prefix}'`;
}

/** @throws InvalidConfigError for the first key that is not acceptable */
export function assertLabels(labels: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(labels)) {
    const problem = labelProblem(key);
    if (problem !== null) throw invalidConfig(problem);
  }
}

/** Copy with sorted keys, the order of stored labels. */
export function sortLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
