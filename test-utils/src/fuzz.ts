import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FUZZ_SECONDS, fuzzSeeds } from './fuzz-seeds.ts';
import { SeededRandom } from './seeded-random.ts';

export { FUZZ_SECONDS, fuzzSeeds };

/** A parser that strangers' bytes come to. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs of a short run. */
  readonly count: number;
  /** Makes an input; the same from the same numbers. */
  readonly input: (random: SeededRandom) => Buffer | Promise<Buffer>;
  /** Fails unless the target does what it should with the input, which may well be an error. */
  readonly check: (input: Buffer, random: SeededRandom) => void | Promise<void>;
  /** Fails when the inputs did not reach what they should. */
  readonly finish?: () => void | Promise<void>;
}

/**
 * A test that gives a target many inputs. A failure names the seed, from which `MSB_FUZZ_SEED` makes the same input
 * again, and a file with the input in hexadecimal.
 */
export function fuzz({ name, count, input, check, finish }: FuzzTarget): void {
  it(`${name}: whatever the bytes`, { timeout: FUZZ_SECONDS * 1000 + 60_000 }, async () => {
    for (const seed of fuzzSeeds(count)) {
      const random = new SeededRandom(seed);
      const bytes = await input(random);
      // Targets may change what they are given.
      const original = Buffer.from(bytes);
      try {
        await check(bytes, random);
      } catch (cause) {
        const file = join(tmpdir(), `msb-fuzz-${name.replaceAll(/\W+/g, '-')}-${seed}.hex`);
        await writeFile(file, original.toString('hex'));
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`seed ${seed} (input in ${file}): ${reason}`, { cause });
      }
    }
    await finish?.();
  });
}

/** Changes, repeats, cuts out and inserts bytes here and there. */
export function mutated(random: SeededRandom, bytes: Buffer): Buffer {
  let result = Buffer.from(bytes);
  for (let count = random.below(8); count > 0; count--) {
    const at = random.below(result.length + 1);
    const end = Math.min(result.length, at + random.below(random.pick([2, 20, 200])));
    const insert = random.pick([
      Buffer.alloc(0),
      random.bytes(random.below(4)),
      result.subarray(at, end),
      Buffer.from(
        random.pick(['"', '\\', ',', '=', '{', '}', '[', ']', '\0', '\n', '\u{10ffff}', '9'.repeat(20), ' ']),
      ),
    ]);
    result = Buffer.concat([result.subarray(0, at), insert, result.subarray(random.chance(0.5) ? end : at)]);
  }
  return result;
}

/** Runs it; an error must be of the class that callers are told to expect, and short, whatever it quotes. */
export function refusedWith(errorClass: new (...args: never[]) => Error, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof errorClass)) throw error;
    expect(error.message.length).toBeLessThan(4000);
  }
}
