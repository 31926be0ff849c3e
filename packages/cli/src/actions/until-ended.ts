/**
 * What `next` gives, one after the other, until that is null or `ended` settles.
 *
 * A race of each round against `ended` itself would keep the results of all rounds in memory: a promise that does not
 * settle holds everything that ever waited for it.
 *
 * @throws what `next` or `ended` rejects with
 */
export async function* untilEnded<T extends object>(
  next: () => Promise<T | null>,
  ended: Promise<unknown>,
): AsyncGenerator<T, void, void> {
  let settled: Promise<null> | null = null;
  let wake = (): void => {};
  const settle = (): void => {
    settled = ended.then(() => null);
    wake();
  };
  ended.then(settle, settle);
  for (;;) {
    const end = new Promise<null>((resolve) => {
      wake = () => resolve(settled);
    });
    const value = await (settled ?? Promise.race([next(), end]));
    if (value === null) return;
    yield value;
  }
}
