import type { CpuPlacement, DeploymentProfile, ThpPolicy } from 'microsandbox';
import type { OptionSpec } from '../command-line/command-spec.ts';
import { CONFIG_KINDS, type ConfigArgument } from '../config-file/config-kind.ts';
import { integerUpTo } from '../values/integer.ts';
import { NETWORK_OPTION_NAMES, NETWORK_OPTIONS, type NetworkOptions } from './network-options.ts';
import { MACHINE, type MachineOptions } from './shared-options.ts';

/** What `run` and `create` take for the sandbox they make (spec: cli 4). */
export interface SandboxOptions extends NetworkOptions, MachineOptions {
  readonly name?: string;
  /** All kinds of configuration files, in their order. */
  readonly conf?: readonly ConfigArgument[];
  readonly cpus?: number;
  readonly maxCpus?: number;
  readonly cpuPlacement?: CpuPlacement;
  readonly placementProfile?: string;
  readonly memory?: string;
  readonly maxMemory?: string;
  readonly thp?: ThpPolicy;
  readonly workdir?: string;
  readonly shell?: string;
  readonly env?: readonly string[];
  readonly label?: readonly string[];
  readonly replace?: boolean;
  readonly replaceWithTimeout?: string;
  readonly quiet?: boolean;
  readonly volume?: readonly string[];
  readonly mountDir?: readonly string[];
  readonly mountFile?: readonly string[];
  readonly mountDisk?: readonly string[];
  readonly mountNamed?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly security?: 'default' | 'restricted';
  readonly deploymentProfile?: DeploymentProfile;
  readonly script?: readonly string[];
  readonly scriptRaw?: readonly string[];
  readonly scriptPath?: readonly string[];
  readonly copy?: readonly string[];
  readonly copyFile?: readonly string[];
  readonly copyDir?: readonly string[];
  readonly mkdir?: readonly string[];
  readonly rm?: readonly string[];
  readonly entrypoint?: string;
  readonly hostname?: string;
  readonly user?: string;
  readonly pull?: string;
  readonly insecure?: boolean;
  readonly rootDisk?: string;
  readonly logLevel?: string;
  readonly maxDuration?: string;
  readonly idleTimeout?: string;
  readonly init?: string;
  readonly initArg?: readonly string[];
  readonly initEnv?: readonly string[];
  readonly vsock?: readonly string[];
}

const CONFIG_FILES: readonly OptionSpec[] = CONFIG_KINDS.map((kind) => ({
  long: kind.option,
  key: 'conf',
  value: 'PATH',
  about: kind.about,
  repeatable: true,
  parse: (path): ConfigArgument => ({ kind, path }),
}));

export const SANDBOX_OPTIONS: readonly OptionSpec[] = [
  { long: 'name', short: 'n', value: 'NAME', about: 'Name of the sandbox' },
  { long: 'cpus', short: 'c', value: 'CPUS', about: 'Virtual CPUs', parse: integerUpTo(255) },
  {
    long: 'max-cpus',
    value: 'CPUS',
    about: 'Most virtual CPUs that `msb modify` may give it while it runs',
    parse: integerUpTo(255),
  },
  {
    long: 'cpu-placement',
    value: 'POLICY',
    about: "Which of the host's CPUs run it",
    choices: ['inherit', 'auto', 'spread', 'compact'],
  },
  { long: 'placement-profile', value: 'NAME', about: 'Placement profile of config.json' },
  { long: 'memory', short: 'm', value: 'SIZE', about: 'Memory, such as 512M or 2G' },
  { long: 'max-memory', value: 'SIZE', about: 'Most memory that `msb modify` may give it while it runs' },
  {
    long: 'thp',
    value: 'POLICY',
    about: 'Huge pages of the guest kernel',
    choices: ['always', 'madvise', 'never'],
  },
  { long: 'workdir', short: 'w', value: 'PATH', about: 'Working directory of commands' },
  { long: 'shell', value: 'SHELL', about: 'Shell of scripts and interactive sessions' },
  {
    long: 'env',
    short: 'e',
    value: 'KEY[=VALUE]',
    about: 'Environment variable; without a value, the one of this shell',
    repeatable: true,
  },
  { long: 'label', value: 'KEY[=VALUE]', about: 'Label to find the sandbox by', repeatable: true },
  { long: 'replace', about: 'Replace an existing sandbox of that name' },
  {
    long: 'replace-with-timeout',
    value: 'DURATION',
    about: 'Like --replace, with this long to stop before it is killed',
  },
  { long: 'quiet', short: 'q', about: 'Suppress progress output' },
  {
    long: 'volume',
    short: 'v',
    value: 'SOURCE:DEST[:OPTIONS]',
    about: 'Share a folder or file of this machine (a path), or a named volume',
    repeatable: true,
  },
  { long: 'mount-dir', value: 'SOURCE:DEST[:OPTIONS]', about: 'Share a folder', repeatable: true },
  { long: 'mount-file', value: 'SOURCE:DEST[:OPTIONS]', about: 'Share a file', repeatable: true },
  { long: 'mount-disk', value: 'SOURCE:DEST[:OPTIONS]', about: 'Mount a disk image', repeatable: true },
  {
    long: 'mount-named',
    value: 'NAME:DEST[:OPTIONS]',
    about: 'Mount a named volume, which is made when there is none',
    repeatable: true,
  },
  {
    long: 'tmpfs',
    value: 'PATH[:SIZE][:OPTIONS]',
    about: 'Mount a file system in memory',
    repeatable: true,
  },
  {
    long: 'security',
    value: 'PROFILE',
    about: 'Security profile inside the guest',
    choices: ['default', 'restricted'],
  },
  {
    long: 'deployment-profile',
    value: 'PROFILE',
    about: 'Whom the host serves; multi-tenant closes what reaches other tenants',
    choices: ['single-tenant', 'multi-tenant'],
  },
  { long: 'script', value: 'NAME=BODY', about: 'Shell script on the guest PATH', repeatable: true },
  { long: 'script-raw', value: 'NAME=BODY', about: 'The same, taken as it stands', repeatable: true },
  { long: 'script-path', value: 'NAME:PATH', about: 'The same, from a file', repeatable: true },
  {
    long: 'copy',
    value: 'SRC:DST',
    about: 'Copy a file or folder into the root file system before boot',
    repeatable: true,
  },
  { long: 'copy-file', value: 'SRC:DST', about: 'The same, for a file', repeatable: true },
  { long: 'copy-dir', value: 'SRC:DST', about: 'The same, for a folder', repeatable: true },
  { long: 'mkdir', value: 'PATH', about: 'Make a folder in the root file system', repeatable: true },
  { long: 'rm', value: 'PATH', about: 'Remove a path of the root file system', repeatable: true },
  { long: 'entrypoint', value: 'PROGRAM', about: "Replace the image's entrypoint" },
  { long: 'hostname', short: 'H', value: 'NAME', about: 'Host name of the guest' },
  { long: 'user', short: 'u', value: 'USER', about: 'User of commands: name, uid or uid:gid' },
  { long: 'pull', value: 'POLICY', about: 'When to pull: always, if-missing or never' },
  { long: 'insecure', about: "Use plain HTTP for the image's registry" },
  {
    long: 'root-disk',
    value: 'SPEC',
    about: 'Writable disk: SIZE, tmpfs[:SIZE], flat[:SIZE][,OPTIONS] or an image file',
  },
  { long: 'log-level', value: 'LEVEL', about: 'What the sandbox process logs: error to trace' },
  { long: 'max-duration', value: 'DURATION', about: 'Stop after this long, such as 30s, 5m or 1h' },
  { long: 'idle-timeout', value: 'DURATION', about: 'Stop after this long without activity' },
  { long: 'init', value: 'PATH|auto', about: 'Program of the image that becomes process 1' },
  {
    long: 'init-arg',
    value: 'ARG',
    about: 'Argument of the init program',
    repeatable: true,
    requires: 'init',
  },
  {
    long: 'init-env',
    value: 'KEY[=VALUE]',
    about: 'Environment variable of the init program',
    repeatable: true,
    requires: 'init',
  },
  {
    long: 'vsock',
    value: 'HOST_PATH:PORT[/TYPE]',
    about: 'Connect a vsock port of the guest to a Unix socket: stream or dgram',
    repeatable: true,
  },
  ...CONFIG_FILES,
  ...MACHINE,
  ...NETWORK_OPTIONS,
];

/** Names of options that describe a new sandbox, and so mean nothing for one that exists (spec: cli 6.3). */
export const CREATION_OPTIONS: ReadonlySet<keyof SandboxOptions> = new Set([
  'conf',
  'cpus',
  'maxCpus',
  'cpuPlacement',
  'placementProfile',
  'memory',
  'maxMemory',
  'thp',
  'workdir',
  'shell',
  'env',
  'volume',
  'mountDir',
  'mountFile',
  'mountDisk',
  'mountNamed',
  'tmpfs',
  'security',
  'script',
  'scriptRaw',
  'scriptPath',
  'copy',
  'copyFile',
  'copyDir',
  'mkdir',
  'rm',
  'entrypoint',
  'hostname',
  'user',
  'pull',
  'insecure',
  'rootDisk',
  'logLevel',
  'maxDuration',
  'idleTimeout',
  'init',
  'initArg',
  'initEnv',
  'vsock',
  ...NETWORK_OPTION_NAMES,
] as const);
