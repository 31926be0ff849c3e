/**
 * Copies a JSON value with every snake_case key in camelCase. Keys of maps that belong to the user are renamed
 * too, as the reference SDK does (spec: sdk 4.5).
 */
export function camelCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCaseKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [camelCase(key), camelCaseKeys(item)]),
  );
}

function camelCase(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
