import type * as z from 'zod';

/** What a schema refuses. */
export interface SchemaProblem {
  readonly path: PropertyKey[];
  readonly message: string;
}

/** An unknown key is a problem of its own place, not of the object that holds it. */
export function schemaProblem(issue: z.core.$ZodIssue): SchemaProblem {
  if (issue.code !== 'unrecognized_keys') return { path: issue.path, message: issue.message };
  return { path: [...issue.path, ...issue.keys.slice(0, 1)], message: 'unknown field' };
}
