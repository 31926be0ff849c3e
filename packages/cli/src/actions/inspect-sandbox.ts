import { formatNetRule, parseNetworkConfig } from '@microsandbox/network';
import type { RootDisk, SandboxConfigRecord } from '@microsandbox/types';
import { type BootOrigin, Sandbox, type SandboxHandle } from 'microsandbox';
import type { InspectOptions } from '../commands/inspect.ts';
import { paintOut } from '../output/colour.ts';
import { DetailView } from '../output/detail-view.ts';
import { padEnd } from '../output/display-width.ts';
import { renderJson } from '../output/json.ts';
import { jsonStatus, statusLabel } from '../output/status-label.ts';
import { jsonTimestamp, localTimestamp } from '../output/timestamp.ts';
import { writeOut } from '../output/write.ts';
import { machineIsUp } from './machine-is-up.ts';
import { pendingChanges, resourceTexts } from './pending-changes.ts';
import { imageLabel, storedConfig } from './stored-config.ts';

/** `msb inspect` (spec: cli 6.14). */
export async function inspectSandbox(name: string, options: InspectOptions): Promise<number> {
  const handle = await Sandbox.get(name);
  const config = await parsedConfig(handle.configJson);
  const active = handle.activeConfigJson === null ? null : await parsedConfig(handle.activeConfigJson);
  const boot = await handle.boot();
  const json = options.format === 'json';
  writeOut(json ? inspectJson(handle, config, active, boot) : inspectText(handle, config, active, boot));
  return 0;
}

/** A stored configuration with everything that older releases did not store; null when it is none. */
async function parsedConfig(json: string): Promise<SandboxConfigRecord | null> {
  const { sandboxConfigSchema } = await import('@microsandbox/types');
  const parsed = sandboxConfigSchema.safeParse(storedConfig(json));
  return parsed.success ? parsed.data : null;
}

function inspectJson(
  handle: SandboxHandle,
  config: SandboxConfigRecord | null,
  active: SandboxConfigRecord | null,
  boot: BootOrigin | null,
): string {
  return renderJson({
    ...(boot !== null && {
      accel: boot.vmm.accelerator,
      boot: boot.boot,
      boot_reason: boot.bootReason,
      ports: boot.ports,
      vmm: boot.vmm.driver,
    }),
    name: handle.name,
    status: jsonStatus(handle.status),
    created_at: jsonTimestamp(handle.createdAt),
    updated_at: jsonTimestamp(handle.updatedAt),
    config,
    active_config: active,
    pending_changes: isLive(handle) && config && active ? pendingChanges(active, config) : [],
  });
}

/** Whether a machine runs, which may differ from what is stored. */
function isLive(handle: SandboxHandle): boolean {
  return machineIsUp(handle) || handle.status === 'paused';
}

function inspectText(
  handle: SandboxHandle,
  config: SandboxConfigRecord | null,
  active: SandboxConfigRecord | null,
  boot: BootOrigin | null,
): string {
  const view = new DetailView(paintOut)
    .row('Name', handle.name)
    .row('Status', statusLabel(handle.status, paintOut))
    .row('Created', localTimestamp(handle.createdAt))
    .row('Updated', localTimestamp(handle.updatedAt))
    .row('Image', imageLabel(config));
  if (boot !== null) view.row('Boot', bootLabel(boot));
  if (config === null) return view.toString();
  const { resources, runtime } = config;
  if ('Oci' in config.image) view.row('Root Disk', rootDiskLabel(config.image.Oci.root_disk));
  const desired = resourceTexts(config);
  const running = isLive(handle) && active !== null ? resourceTexts(active) : desired;
  const resource = (field: keyof typeof desired): string =>
    running[field] === desired[field]
      ? desired[field]
      : `${running[field]}${paintOut('dim', ` → ${desired[field]} next start`)}`;
  view
    .section('Resources')
    .indented('CPUs', resource('cpus'))
    .indented('Max CPUs', resource('max_cpus'))
    .indented('CPU Placement', resources.cpu_placement ?? 'inherit')
    .indented('Memory', resource('memory'))
    .indented('Max Memory', resource('max_memory'))
    .indented('THP', resources.thp ?? 'madvise')
    .row('Security', config.security_profile)
    .row('Deployment Profile', config.deployment_profile.replace('_', '-'))
    .row('Workdir', runtime.workdir ?? '-')
    .row('Shell', runtime.shell ?? '-');
  showNetwork(view, config, boot);
  if (config.env.length > 0) view.section('Environment');
  for (const { key, value } of config.env) view.line(`  ${key}=${value}`);
  const labels = Object.entries(config.labels).sort(([left], [right]) => (left < right ? -1 : 1));
  if (labels.length > 0) view.section('Labels');
  for (const [key, value] of labels) view.line(`  ${key}=${value}`);
  if (config.mounts.length > 0) view.section('Mounts');
  for (const mount of config.mounts) view.line(`  ${mountLabel(mount)}`);
  return view.toString();
}

/** The network as it is stored, and the ports as they are. */
function showNetwork(view: DetailView, { network }: SandboxConfigRecord, boot: BootOrigin | null): void {
  view.section('Network');
  if (!network.enabled) {
    view.line('  none');
    return;
  }
  const { policy, tls, secrets } = parseNetworkConfig(network);
  view.indented('Egress', `${policy.default_egress} unless a rule says otherwise`);
  view.indented('Ingress', `${policy.default_ingress} unless a rule says otherwise`);
  for (const rule of policy.rules.flatMap(formatNetRule)) view.indented('Rule', rule);
  if (tls.enabled) view.indented('TLS', `intercepted on ${tls.intercepted_ports.join(', ')}`);
  for (const { env_var } of secrets.secrets) view.indented('Secret', env_var);
  for (const { hostBind, hostPort, guestPort, protocol } of boot?.ports ?? []) {
    view.indented('Port', `${hostBind}:${hostPort} → ${guestPort}/${protocol}`);
  }
}

function bootLabel({ boot, bootReason, vmm }: BootOrigin): string {
  const how = bootReason === null ? boot : `${boot} (${bootReason})`;
  return `${how}, ${vmm.driver} with ${vmm.accelerator}`;
}

function rootDiskLabel(disk: RootDisk | undefined): string {
  const size = (mib: number | undefined): string => (mib === undefined ? 'default' : `${mib} MiB`);
  switch (disk?.kind) {
    case undefined:
      return 'default (managed, ext4)';
    case 'managed':
      return `${size(disk.size_mib)} (managed, ext4)`;
    case 'tmpfs':
      return `${size(disk.size_mib)} (tmpfs)`;
    case 'flat':
      return `${size(disk.size_mib)} (flat, ${disk.fstype ?? 'ext4'}, clone=${disk.clone ?? 'auto'})`;
    case 'disk-image':
      return `${disk.path} (disk-image, ${disk.format.toLowerCase()}, ${disk.fstype ?? 'auto'})`;
  }
}

/** A mount as it is stored; its kinds have fields of their own. */
type StoredMount = SandboxConfigRecord['mounts'][number];

function mountLabel(mount: StoredMount): string {
  const options = (mount['options'] ?? {}) as Readonly<Record<string, unknown>>;
  const flags = [options['readonly'] ? 'ro' : 'rw'];
  flags.push(...['noexec', 'nosuid', 'nodev'].filter((flag) => options[flag]));
  return `${padEnd(String(mount['guest']), 16)}→ ${mountSource(mount)} (${flags.join(',')})`;
}

function mountSource(mount: StoredMount): string {
  switch (mount.type) {
    case 'Tmpfs':
      return typeof mount['size_mib'] === 'number' ? `tmpfs (${mount['size_mib']} MiB)` : 'tmpfs';
    case 'Named':
      return `volume:${mount['name']}`;
    case 'DiskImage':
      return `disk:${mount['host']} (${String(mount['format']).toLowerCase()}) [${mount['fstype'] ?? 'auto'}]`;
    default:
      return String(mount['host']);
  }
}
