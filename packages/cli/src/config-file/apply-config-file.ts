import { InvalidConfigError } from '@microsandbox/types';
import { parseDurationSecs, parseSizeMib } from '@microsandbox/utils';
import type { MountBuilder, PatchBuilder, SandboxBuilder } from 'microsandbox';
import { checkShell, withShebang } from '../values/script.ts';
import type { MountFile, PatchFile } from './file-system-schema.ts';
import type { SandboxFile } from './sandbox-schema.ts';

/**
 * Puts what configuration files say into a builder, but for image and network. Options of the command line come after
 * it and go before it; `given` are the variables that they set.
 *
 * @throws InvalidConfigError
 */
export function applyConfigFile(
  builder: SandboxBuilder,
  file: SandboxFile,
  options: { readonly shell?: string; readonly given: ReadonlySet<string> },
): void {
  applyMachine(builder, file);
  applyProgram(builder, file, options.given);
  const shell = options.shell ?? file.shell;
  for (const [name, body] of Object.entries(file.scripts ?? {}))
    builder.script(name, withShebang(body, shell));
  for (const mount of file.mounts ?? []) builder.volume(mount.target, (to) => configureMount(to, mount));
  for (const patch of file.patches ?? []) builder.patch((to) => configurePatch(to, patch));
  if (file.registry !== undefined) applyRegistry(builder, file.registry);
}

function applyMachine(builder: SandboxBuilder, file: SandboxFile): void {
  const { cpus, memory, max_duration, idle_timeout, rlimits = [], pull_policy, security } = file;
  if (cpus !== undefined) builder.cpus(cpus);
  if (memory !== undefined) builder.memory(parseSizeMib(memory));
  if (max_duration !== undefined) builder.maxDuration(parseDurationSecs(max_duration));
  if (idle_timeout !== undefined) builder.idleTimeout(parseDurationSecs(idle_timeout));
  for (const { resource, soft, hard = soft } of rlimits) builder.rlimitRange(resource, soft, hard);
  if (pull_policy !== undefined) builder.pullPolicy(pull_policy === 'missing' ? 'if-missing' : pull_policy);
  if (security !== undefined) builder.security(security);
}

function applyProgram(builder: SandboxBuilder, file: SandboxFile, given: ReadonlySet<string>): void {
  const { workdir, shell, user, hostname, entrypoint, cmd, env = {}, labels = {}, init } = file;
  if (workdir !== undefined) builder.workdir(workdir);
  if (shell !== undefined) {
    checkShell(shell);
    builder.shell(shell);
  }
  if (user !== undefined) builder.user(user);
  if (hostname !== undefined) builder.hostname(hostname);
  if (entrypoint !== undefined) builder.entrypoint(entrypoint);
  if (cmd !== undefined) builder.cmd(cmd);
  for (const [key, value] of Object.entries(env)) if (!given.has(key)) builder.env(key, value);
  builder.labels(labels);
  if (init !== undefined) {
    builder.initWith(init.cmd, (options) => options.args(init.args ?? []).envs(init.env ?? {}));
  }
}

function configureMount(builder: MountBuilder, mount: MountFile): MountBuilder {
  const { bind, named, disk, tmpfs, stat_virtualization, host_permissions } = mount;
  if (bind !== undefined) builder.bind(bind);
  else if (named !== undefined) builder.namedWith(named, mount.create ?? 'existing');
  else if (disk !== undefined) builder.disk(disk);
  else {
    builder.tmpfs();
    if (tmpfs?.size !== undefined) builder.size(parseSizeMib(tmpfs.size));
  }
  if (mount.format !== undefined) builder.format(mount.format);
  if (mount.fstype !== undefined) builder.fstype(mount.fstype);
  for (const flag of ['readonly', 'noexec', 'nosuid', 'nodev'] as const) if (mount[flag]) builder[flag]();
  if (stat_virtualization !== undefined) builder.statVirtualization(stat_virtualization);
  if (host_permissions !== undefined) builder.hostPermissions(host_permissions);
  return builder;
}

function configurePatch(builder: PatchBuilder, patch: PatchFile): PatchBuilder {
  const { text, file, copy_file, copy_dir, symlink, mkdir, remove, append } = patch;
  if (text) builder.text(text.path, text.content, optional(text));
  if (file) builder.file(file.path, Buffer.from(file.content_base64, 'base64'), optional(file));
  if (copy_file) builder.copyFile(copy_file.src, copy_file.dst, optional(copy_file));
  if (copy_dir) builder.copyDir(copy_dir.src, copy_dir.dst, optional(copy_dir));
  if (symlink) builder.symlink(symlink.target, symlink.link, optional(symlink));
  if (mkdir) builder.mkdir(mkdir.path, optional(mkdir));
  if (remove) builder.remove(remove.path);
  if (append) builder.append(append.path, append.content);
  return builder;
}

function optional({ mode, replace }: { mode?: number | undefined; replace?: boolean | undefined }) {
  return { ...(mode !== undefined && { mode }), ...(replace !== undefined && { replace }) };
}

function applyRegistry(
  builder: SandboxBuilder,
  { username, password_env }: NonNullable<SandboxFile['registry']>,
): void {
  if (username === undefined || password_env === undefined) return;
  const password = process.env[password_env];
  if (password === undefined) {
    throw new InvalidConfigError(`registry password environment variable "${password_env}" is not set`, {
      hint: `export ${password_env} first`,
    });
  }
  builder.registry((registry) => registry.auth({ kind: 'basic', username, password }));
}
