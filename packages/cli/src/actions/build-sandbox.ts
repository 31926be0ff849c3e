import { InvalidConfigError } from '@microsandbox/types';
import { parseDurationMs, parseDurationSecs, parseSizeMib } from '@microsandbox/utils';
import { type MountBuilder, type RootDiskBuilder, Sandbox, type SandboxBuilder } from 'microsandbox';
import { LOG_LEVELS, type LogLevel } from '../command-line/command-spec.ts';
import type { SandboxOptions } from '../commands/sandbox-options.ts';
import { applyConfigFile } from '../config-file/apply-config-file.ts';
import { printWarning } from '../errors/notice.ts';
import { parseEnvEntry, parseLabel } from '../values/key-value.ts';
import { PULL_POLICIES, parseKeyword } from '../values/keyword.ts';
import { checkMountSource, type MountContext, type ParsedMount, parseMount } from '../values/mount.ts';
import { guestPath, parseCopy } from '../values/patch.ts';
import { prefixed } from '../values/prefixed.ts';
import { parseRootDisk, type RootDiskSpec } from '../values/root-disk.ts';
import { checkShell, parseRawScript, parseScript, readScript } from '../values/script.ts';
import { parseTmpfs } from '../values/tmpfs.ts';
import { parseVsock } from '../values/vsock.ts';
import { applyNetwork } from './apply-network.ts';
import type { WantedSandbox } from './wanted-sandbox.ts';

/**
 * The builder of a sandbox as the command line describes it, over its configuration files. Options are applied in the order of the reference
 * command, which decides which mistake is reported first (spec: cli 4).
 */
export async function buildSandbox(
  name: string,
  { image, file }: WantedSandbox,
  options: SandboxOptions,
  diagnostics: LogLevel | undefined,
): Promise<SandboxBuilder> {
  const builder = Sandbox.builder(name);
  image.apply(builder);
  const env = (options.env ?? []).map((entry) => parseEnvEntry(entry));
  const given = new Set(env.map(([key]) => key));
  applyConfigFile(builder, file, { given, ...(options.shell !== undefined && { shell: options.shell }) });
  applyResources(builder, options);
  if (options.workdir !== undefined) builder.workdir(options.workdir);
  if (options.shell !== undefined) {
    checkShell(options.shell);
    builder.shell(options.shell);
  }
  applyReplacement(builder, options);
  for (const entry of env) builder.env(...entry);
  for (const entry of options.label ?? []) builder.label(...parseLabel(entry));
  await applyMounts(builder, options);
  for (const entry of options.tmpfs ?? []) applyTmpfs(builder, entry);
  await applyScripts(builder, options);
  await applyPatches(builder, options);
  if (options.entrypoint !== undefined) builder.entrypoint([options.entrypoint]);
  if (options.hostname !== undefined) builder.hostname(options.hostname);
  if (options.user !== undefined) builder.user(options.user);
  if (options.pull !== undefined)
    builder.pullPolicy(parseKeyword('pull policy', PULL_POLICIES, options.pull));
  if (options.insecure) builder.registry((registry) => registry.insecure());
  if (options.rootDisk !== undefined) applyRootDisk(builder, parseRootDisk(options.rootDisk));
  if (options.security !== undefined) builder.security(options.security);
  if (options.deploymentProfile !== undefined) builder.deploymentProfile(options.deploymentProfile);
  const logLevel =
    options.logLevel === undefined ? diagnostics : parseKeyword('log level', LOG_LEVELS, options.logLevel);
  if (logLevel !== undefined) builder.logLevel(logLevel);
  if (options.maxDuration !== undefined) builder.maxDuration(parseDurationSecs(options.maxDuration));
  if (options.idleTimeout !== undefined) builder.idleTimeout(parseDurationSecs(options.idleTimeout));
  applyInit(builder, options);
  for (const { path, port, type } of (options.vsock ?? []).map(parseVsock)) {
    if (type === 'dgram') builder.vsockDgram(path, port);
    else builder.vsock(path, port);
  }
  if (options.vmm !== undefined) builder.vmm(options.vmm);
  if (options.accel !== undefined) builder.accel(options.accel);
  applyNetwork(builder, options, file);
  return builder;
}

/** True when an existing sandbox of the same name is to go. */
export function replaces(options: SandboxOptions): boolean {
  return options.replace === true || options.replaceWithTimeout !== undefined;
}

function applyResources(builder: SandboxBuilder, options: SandboxOptions): void {
  if (options.cpus !== undefined) builder.cpus(options.cpus);
  if (options.maxCpus !== undefined) builder.maxCpus(options.maxCpus);
  if (options.cpuPlacement !== undefined) {
    builder.cpuPlacement(options.cpuPlacement);
    if (options.cpuPlacement !== 'inherit') {
      printWarning(
        `CPU placement '${options.cpuPlacement}' is stored, but the host's scheduler places all sandboxes as yet`,
      );
    }
  }
  if (options.placementProfile !== undefined) builder.placementProfile(options.placementProfile);
  if (options.memory !== undefined) builder.memory(parseSizeMib(options.memory));
  if (options.maxMemory !== undefined) builder.maxMemory(parseSizeMib(options.maxMemory));
  if (options.thp !== undefined) builder.thp(options.thp);
}

function applyReplacement(builder: SandboxBuilder, options: SandboxOptions): void {
  const grace = options.replaceWithTimeout;
  if (grace !== undefined) {
    builder.replaceWithTimeout(prefixed('--replace-with-timeout', () => parseDurationMs(grace)));
  } else if (options.replace) {
    builder.replace();
  }
}

/** Shared folders and files, in groups. */
async function applyMounts(builder: SandboxBuilder, options: SandboxOptions): Promise<void> {
  const groups = [
    ['volume', options.volume],
    ['mount-dir', options.mountDir],
    ['mount-file', options.mountFile],
    ['mount-disk', options.mountDisk],
    ['mount-named', options.mountNamed],
  ] as const;
  for (const [context, entries = []] of groups) {
    for (const entry of entries) {
      const spec = parseMount(context, entry);
      await checkMountSource(context, spec);
      builder.volume(spec.guest, (mount) => configureMount(mount, context, spec));
    }
  }
}

function configureMount(mount: MountBuilder, context: MountContext, spec: ParsedMount): MountBuilder {
  if (context === 'mount-disk') {
    mount.disk(spec.source);
    if (spec.format !== undefined) mount.format(spec.format);
    if (spec.fstype !== undefined) mount.fstype(spec.fstype);
  } else if (spec.isPath) {
    mount.bind(spec.source);
    if (spec.quotaMib !== undefined) mount.quota(spec.quotaMib);
  } else {
    mount.namedWith(spec.source, 'ensure-exists', spec.kind ?? 'dir', spec.sizeMib, spec.quotaMib);
  }
  for (const flag of spec.flags) mount[flag]();
  if (spec.followRootSymlinks) mount.followRootSymlinks();
  if (spec.statVirt !== undefined) mount.statVirtualization(spec.statVirt);
  if (spec.hostPerms !== undefined) mount.hostPermissions(spec.hostPerms);
  return mount;
}

/** @throws InvalidConfigError */
function applyInit(builder: SandboxBuilder, { init, initArg = [], initEnv = [] }: SandboxOptions): void {
  if (init === undefined) return;
  if (init !== 'auto' && !init.startsWith('/')) {
    throw new InvalidConfigError(`--init must be an absolute path or \`auto\`, got: ${init}`);
  }
  const env = initEnv.map((entry) => parseEnvEntry(entry));
  builder.initWith(init, (options) => {
    options.args(initArg);
    for (const [key, value] of env) options.env(key, value);
    return options;
  });
}

function applyTmpfs(builder: SandboxBuilder, entry: string): void {
  const spec = parseTmpfs(entry);
  builder.volume(spec.path, (mount) => {
    mount.tmpfs();
    if (spec.sizeMib !== undefined) mount.size(spec.sizeMib);
    for (const flag of ['readonly', 'noexec', 'nosuid', 'nodev'] as const) if (spec[flag]) mount[flag]();
    return mount;
  });
}

async function applyScripts(builder: SandboxBuilder, options: SandboxOptions): Promise<void> {
  const scripts = [
    ...(options.script ?? []).map((text) => parseScript(text, options.shell)),
    ...(options.scriptRaw ?? []).map(parseRawScript),
    ...(await Promise.all((options.scriptPath ?? []).map(readScript))),
  ];
  const names = new Set<string>();
  for (const { name, body } of scripts) {
    if (names.has(name)) throw new InvalidConfigError(`script name '${name}' specified more than once`);
    names.add(name);
    builder.script(name, body);
  }
}

/** In groups, whatever the order on the command line. */
async function applyPatches(builder: SandboxBuilder, options: SandboxOptions): Promise<void> {
  const copies = [
    ...(options.copy ?? []).map((text) => parseCopy('--copy', text)),
    ...(options.copyFile ?? []).map((text) => parseCopy('--copy-file', text)),
    ...(options.copyDir ?? []).map((text) => parseCopy('--copy-dir', text)),
  ];
  for (const { kind, source, target } of await Promise.all(copies)) {
    builder.patch((patch) => patch[kind](source, target));
  }
  for (const path of options.mkdir ?? []) builder.patch((patch) => patch.mkdir(guestPath('--mkdir', path)));
  for (const path of options.rm ?? []) builder.patch((patch) => patch.remove(guestPath('--rm', path)));
}

function applyRootDisk(builder: SandboxBuilder, spec: RootDiskSpec): void {
  if (spec.kind === 'managed') {
    builder.rootDisk(spec.sizeMib);
    return;
  }
  builder.rootDisk((disk) => configureRootDisk(disk, spec));
}

function configureRootDisk(
  disk: RootDiskBuilder,
  spec: Exclude<RootDiskSpec, { kind: 'managed' }>,
): RootDiskBuilder {
  if (spec.kind === 'disk') {
    disk.disk(spec.path);
    if (spec.format !== undefined) disk.format(spec.format);
  } else {
    disk[spec.kind]();
    if (spec.sizeMib !== undefined) disk.size(spec.sizeMib);
  }
  if (spec.kind !== 'tmpfs' && spec.fstype !== undefined) disk.fstype(spec.fstype);
  if (spec.kind === 'flat' && spec.clone !== undefined) disk.cloneStrategy(spec.clone);
  return disk;
}
