import { parseArgs } from 'node:util';
import { InvalidConfigError, type LaunchConfig } from '@microsandbox/types';

/** Which template to make. */
export interface MakerArguments {
  readonly cacheDir: string;
  readonly libkrunfwPath: string;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly thp: LaunchConfig['thp'];
  readonly maxTemplates: number;
  /** Shared folders that a sandbox of the template can have; its class may have room for more. */
  readonly shares: number;
}

/** Writes the command line that {@link parseMakerArguments} reads. */
export function formatMakerArguments(values: MakerArguments): string[] {
  return [
    ...['--cache-dir', values.cacheDir],
    ...['--libkrunfw', values.libkrunfwPath],
    ...['--vcpus', String(values.vcpus)],
    ...['--memory-mib', String(values.memoryMib)],
    ...['--thp', values.thp],
    ...['--max-templates', String(values.maxTemplates)],
    ...['--shares', String(values.shares)],
  ];
}

/** @throws InvalidConfigError */
export function parseMakerArguments(argv: readonly string[]): MakerArguments {
  const option = { type: 'string', default: '' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'cache-dir': option,
      libkrunfw: option,
      vcpus: option,
      'memory-mib': option,
      thp: option,
      'max-templates': option,
      shares: option,
    },
  });
  const numbers = [values.vcpus, values['memory-mib'], values['max-templates']].map(Number);
  const [vcpus = 0, memoryMib = 0, maxTemplates = 0] = numbers;
  const { thp } = values;
  if (thp !== 'always' && thp !== 'madvise' && thp !== 'never') throw invalid(argv);
  const shares = Number(values.shares);
  if (!numbers.every((number) => Number.isSafeInteger(number) && number > 0)) throw invalid(argv);
  if (!Number.isSafeInteger(shares) || shares < 0) throw invalid(argv);
  return {
    cacheDir: values['cache-dir'],
    libkrunfwPath: values.libkrunfw,
    vcpus,
    memoryMib,
    thp,
    maxTemplates,
    shares,
  };
}

function invalid(argv: readonly string[]): InvalidConfigError {
  return new InvalidConfigError(`invalid arguments: ${argv.join(' ')}`);
}
