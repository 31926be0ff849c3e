import * as z from 'zod';

/** A text that `parse` can read; what it says about one that it cannot becomes the problem with this place. */
export function readable(parse: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    try {
      parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  });
}
