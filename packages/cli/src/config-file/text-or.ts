import * as z from 'zod';
import { schemaProblem } from './schema-problem.ts';

/**
 * One schema for texts and one for everything else, so that an error is that of the form which was meant, where a
 * union would report both.
 */
export function textOr<Text, Other>(text: z.ZodType<Text>, other: z.ZodType<Other>) {
  return z.unknown().transform((value, context): Text | Other => {
    const parsed = typeof value === 'string' ? text.safeParse(value) : other.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.addIssue({ code: 'custom', ...schemaProblem(issue) });
    return z.NEVER;
  });
}
