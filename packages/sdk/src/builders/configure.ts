/** A class of builders. */
type BuilderClass<T> = abstract new (...args: never[]) => T;

/**
 * Lets a callback fill a builder and returns what the callback returned, which must be a builder: a callback
 * with a block body and no `return` is a mistake that would otherwise lose its settings.
 */
export function configured<T>(builder: T, configure: (builder: T) => T, type: BuilderClass<T>): T {
  const result: unknown = configure(builder);
  if (!(result instanceof type)) {
    throw new TypeError(`the callback must return the ${type.name} it was given`);
  }
  return result;
}
