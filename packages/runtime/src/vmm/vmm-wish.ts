import { type Accelerator, type HostConfig, InvalidConfigError, type VmmWish } from '@microsandbox/types';

/** A wish and where it was expressed, for messages. */
export interface Wish<T extends string> {
  readonly value: T;
  readonly from: string;
}

/** What was asked for; null is left to the automatic choice. */
export interface VmmWishes {
  readonly vmm: Wish<'krun' | 'qemu'> | null;
  readonly accel: Wish<Accelerator> | null;
}

/** Where wishes may stand. */
export interface WishSources {
  /** Of one start: the builder's, or a flag's. */
  readonly wish?: VmmWish | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly config?: HostConfig | undefined;
}

/**
 * Reads the wishes: those for one start, else `MSB_VMM` and `MSB_ACCEL`, else the keys `vmm` and `accel` of the
 * host's configuration.
 *
 * @throws InvalidConfigError for a word that is none
 */
export function vmmWishes({ wish = {}, env, config }: WishSources): VmmWishes {
  return {
    vmm: wishOf(
      ['krun', 'qemu'],
      [
        ['vmm', wish.vmm],
        ['MSB_VMM', env['MSB_VMM']],
        ['vmm in config.json', config?.['vmm']],
      ],
    ),
    accel: wishOf(
      ['kvm', 'hvf', 'tcg'],
      [
        ['accel', wish.accel],
        ['MSB_ACCEL', env['MSB_ACCEL']],
        ['accel in config.json', config?.['accel']],
      ],
    ),
  };
}

/** The first source that says something decides, also when it says `auto`. */
function wishOf<T extends string>(
  words: readonly T[],
  sources: readonly (readonly [from: string, value: unknown])[],
): Wish<T> | null {
  const said = sources.find(([, value]) => value !== undefined && value !== null && value !== '');
  if (said === undefined || said[1] === 'auto') return null;
  const [from, value] = said;
  const word = words.find((known) => known === value);
  if (word !== undefined) return { value: word, from };
  const known = ['auto', ...words].map((name) => `'${name}'`);
  throw new InvalidConfigError(
    `${from} must be ${known.slice(0, -1).join(', ')} or ${known.at(-1)}, got "${String(value)}"`,
    { hint: 'remove the setting' },
  );
}
