/** A kind of configuration file, by the option that names it (spec: cli 5). */
export interface ConfigKind {
  /** Long name of the option. */
  readonly option: string;
  /** As errors call it. */
  readonly title: string;
  readonly about: string;
  /** Key of the root document whose contents the file holds; none when it is the root document. */
  readonly key?: 'network' | 'secrets' | 'scripts';
  /** Keys of the root document that the file may have, when it holds a part of it. */
  readonly keys?: readonly string[];
}

export const CONFIG_KINDS = [
  {
    option: 'conf',
    title: 'sandbox configuration',
    about: 'YAML file that describes the sandbox; options go before it',
  },
  {
    option: 'net-conf',
    title: 'network config',
    about: 'YAML file of what stands under `network`',
    key: 'network',
  },
  {
    option: 'resource-conf',
    title: 'resource config',
    about: 'YAML file of CPUs, memory and limits',
    keys: ['cpus', 'memory', 'max_duration', 'idle_timeout', 'rlimits'],
  },
  {
    option: 'runtime-conf',
    title: 'runtime config',
    about: 'YAML file of user, environment and programs',
    keys: ['workdir', 'shell', 'user', 'hostname', 'security', 'entrypoint', 'cmd', 'env', 'labels', 'init'],
  },
  {
    option: 'fs-conf',
    title: 'filesystem config',
    about: 'YAML file of mounts and patches',
    keys: ['mounts', 'patch_files', 'patches'],
  },
  { option: 'secret-conf', title: 'secret config', about: 'YAML file of secrets by name', key: 'secrets' },
  { option: 'script-conf', title: 'script config', about: 'YAML file of scripts by name', key: 'scripts' },
] as const satisfies readonly ConfigKind[];

/** A configuration file that the command line names. */
export interface ConfigArgument {
  readonly kind: ConfigKind;
  readonly path: string;
}
