// Checks of what a file holds, for what every command reads while it starts: to set the schema library up takes longer
// than most commands have to do. They say yes or no; where somebody is to learn what is wrong, a schema says it.

/** Whether a value, as JSON has them, is of some kind. */
export type Check = (value: unknown) => boolean;

export const isText: Check = (value) => typeof value === 'string';
export const isFlag: Check = (value) => typeof value === 'boolean';

/** An integer that a number holds exactly, in `least` to `most`. */
export function isInteger(least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER): Check {
  return (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

export function isOneOf(...values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

export function isListOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

/** An object whose keys are names that somebody chose. */
export function isMapOf(check: Check): Check {
  return (value) => isObject(value) && Object.values(value).every(check);
}

/** An object with at least these fields; one that may be missing has a check that takes `undefined`. */
export function hasFields(fields: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(fields);
  return (value) => isObject(value) && checks.every(([key, check]) => check(value[key]));
}

export function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

/** For fields that may be missing; `null` is not missing. */
export function orAbsent(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
