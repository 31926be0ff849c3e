/**
 * Seeds for a fuzz test. Normally a few hundred, the same in every run, for at most a few seconds; with
 * `MSB_FUZZ_SECONDS` as many as fit in that time, from `MSB_FUZZ_SEED` on (to run a failing case again).
 */
const requested = process.env['MSB_FUZZ_SECONDS'];

/** How long a fuzz test may take, seconds. */
export const FUZZ_SECONDS = Number(requested ?? 10);

export function* fuzzSeeds(count: number): Generator<number> {
  const first = Number(process.env['MSB_FUZZ_SEED'] ?? 1);
  const end = Date.now() + FUZZ_SECONDS * 1000;
  for (let i = 0; Date.now() < end && (requested !== undefined || i < count); i++) yield first + i;
}
