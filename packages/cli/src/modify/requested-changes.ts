import { parseSizeMib } from '@microsandbox/utils';
import type { ModifyOptions } from 'microsandbox';
import { optionKey } from '../command-line/option-key.ts';
import { MODIFY_CHANGES, type ModifyCommandOptions } from '../commands/modify.ts';
import { parseAssignment } from '../values/assignment.ts';
import { parseSecrets } from '../values/secret.ts';

/**
 * What the command line of `msb modify` asks for.
 *
 * @throws CustomError for a value that cannot be read
 * @throws InvalidConfigError for a size that is none
 */
export function requestedChanges(options: ModifyCommandOptions): ModifyOptions {
  const size = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseSizeMib(text);
  const assignments = (option: string, texts: readonly string[] = []) =>
    Object.fromEntries(texts.map((text) => parseAssignment(option, text)));
  const secrets = [...parseSecrets(options.secret ?? [], 'modify')].map(([env, allowedHosts]) => [
    env,
    { env, allowedHosts },
  ]);
  return definedOf({
    cpus: options.cpus,
    maxCpus: options.maxCpus,
    memory: size(options.memory),
    maxMemory: size(options.maxMemory),
    rootDiskSize: size(options.rootDisk),
    env: options.env && assignments('--env', options.env),
    envRemove: options.envRm,
    labels: options.label && assignments('--label', options.label),
    labelsRemove: options.labelRm,
    workdir: options.workdir,
    secrets: options.secret && Object.fromEntries(secrets),
    secretsRemove: options.secretRm,
    policy: options.restart ? 'restart' : options.nextStart ? 'next_start' : 'no_restart',
  });
}

/** The changes as they were typed, for a hint that repeats them. */
export function typedChanges(options: ModifyCommandOptions): string {
  const values = new Map<string, unknown>(Object.entries(options));
  return MODIFY_CHANGES.flatMap(({ long }) => {
    const value = values.get(optionKey(long));
    if (value === undefined) return [];
    return (Array.isArray(value) ? value : [value]).map((item) => `--${long} ${item}`);
  }).join(' ');
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function definedOf<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}
